internal import Core
internal import Studio

/// The options of jobs as schemas, made from the services that this server has.
enum OptionsWire {
    /// Defines `ServiceName`, `JobOptionsGiven` and `JobOptions`.
    static func define(_ services: [Service], in components: inout SchemaComponents) {
        components.define("ServiceName", .choice(services.map(\.name)).saying("A service of this server."))
        components.define("JobOptionsGiven", anyOf(services.map(given)))
        components.define("JobOptions", anyOf(services.map(canonical)))
    }

    private static func anyOf(_ schemas: [Schema]) -> Schema { schemas.count == 1 ? schemas[0] : .oneOf(schemas) }

    /// What a client may send: every option may be left out.
    private static func given(_ service: Service) -> Schema {
        let options = service.options.map { field in
            Schema.Property.optional(field.name, schema(field.kind, service, isGiven: true), defaultWords(field))
        }
        let model = Schema.choice(service.models.map(\.id))
        return .object(
            "\(capitalised(service.name))OptionsGiven",
            [.optional("model", model, "By default \(service.models.first?.id ?? "none").")] + options)
    }

    /// What a job tells: every option with its value.
    private static func canonical(_ service: Service) -> Schema {
        let options = service.options.map { field in
            let schema = schema(field.kind, service, isGiven: false)
            var isNullable = field.fallback == .null
            if case .stems = field.kind { isNullable = false }
            return Schema.Property.required(field.name, isNullable ? schema.nullable : schema)
        }
        return .object(
            "\(capitalised(service.name))Options",
            [.required("model", .choice(service.models.map(\.id)))] + options)
    }

    private static func schema(_ kind: OptionField.Kind, _ service: Service, isGiven: Bool) -> Schema {
        switch kind {
        case .flag: return .boolean
        case .choice(let values): return .choice(values)
        case .named(let names): return .choice(isGiven ? names.keys.sorted() : Set(names.values).sorted())
        case .number(let range): return .number(range)
        case .wholeNumber(let range): return .integer(range)
        case .stems:
            var stems: [String] = []
            for stem in service.models.flatMap(\.stems) where !stems.contains(stem) { stems.append(stem) }
            return .list(of: .choice(stems), 1...max(1, stems.count), isSet: true)
        }
    }

    private static func defaultWords(_ field: OptionField) -> String {
        if case .stems = field.kind { return "Some of the model's stems; by default all." }
        return field.fallback == .null ? "By default what suits the model." : "By default \(field.fallback.text)."
    }

    private static func capitalised(_ name: String) -> String { name.prefix(1).uppercased() + name.dropFirst() }
}
