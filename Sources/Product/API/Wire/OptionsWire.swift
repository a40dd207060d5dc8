internal import Core
internal import Studio

/// The options of jobs as schemas, made from the services that this server has.
enum OptionsWire {
    /// Defines `ServiceName`, `JobOptionsGiven` and `JobOptions`.
    static func define(_ services: [Service], in components: inout SchemaComponents) {
        components.define("ServiceName", .choice(services.map(\.name)).saying("A service of this server."))
        components.define("JobOptionsGiven", .anyOf(services.flatMap(given)))
        components.define(
            "JobOptions",
            .anyOf(
                services.flatMap { service in
                    service.models.map { canonical(service, $0) }
                }))
    }

    /// What a client may send: every option may be left out.
    private static func given(_ service: Service) -> [Schema] {
        service.models.enumerated().flatMap { index, model in
            let flags = flagsThatNeedAllStems(service, model)
            let isDefault = index == 0
            return flags.isEmpty
                ? [given(service, model, isDefault: isDefault, without: [], stemsMin: 1)]
                : [
                    given(service, model, isDefault: isDefault, without: flags, stemsMin: 1),
                    given(service, model, isDefault: isDefault, without: [], stemsMin: model.stems.count),
                ]
        }
    }

    /// - Parameter flags: those that are not set.
    private static func given(
        _ service: Service, _ model: ServiceModel, isDefault: Bool, without flags: [String], stemsMin: Int
    ) -> Schema {
        let id = Schema.constant(.string(model.id))
        let options = service.options.map { field in
            let value =
                flags.contains(field.name)
                ? Schema.constant(false) : schema(field.kind, model, stemsMin: stemsMin, isGiven: true)
            return Schema.Property.optional(field.name, value, defaultWords(field))
        }
        return .object([isDefault ? .optional("model", id, "The default.") : .required("model", id)] + options)
    }

    /// What a job tells: every option with its value.
    private static func canonical(_ service: Service, _ model: ServiceModel) -> Schema {
        let options = service.options.map { field in
            let value = schema(field.kind, model, stemsMin: 1, isGiven: false)
            var isNullable = field.fallback == .null
            if case .stems = field.kind { isNullable = false }
            return Schema.Property.required(field.name, isNullable ? value.nullable : value)
        }
        return .object([.required("model", .constant(.string(model.id)))] + options)
    }

    /// The flags that the service's rule lets be set only where all stems are written: the rule itself is asked, so
    /// that the document says nothing of its own.
    private static func flagsThatNeedAllStems(_ service: Service, _ model: ServiceModel) -> [String] {
        func allows(_ flag: String, stems: [String]) -> Bool {
            let canonical = service.options.map { field in
                switch field.kind {
                case .stems: JSON.Member(field.name, .array(stems.map(JSON.string)))
                case .flag where field.name == flag: JSON.Member(field.name, true)
                default: JSON.Member(field.name, field.fallback)
                }
            }
            let chosen = JSON.object([JSON.Member("model", .string(model.id))] + canonical)
            do { try service.rule(chosen, model) } catch { return false }
            return true
        }
        guard model.stems.count > 1 else { return [] }
        return service.options.map(\.name).filter { name in
            guard let field = service.options.first(where: { $0.name == name }), case .flag = field.kind else {
                return false
            }
            return allows(name, stems: model.stems) && !allows(name, stems: Array(model.stems.prefix(1)))
        }
    }

    private static func schema(
        _ kind: OptionField.Kind, _ model: ServiceModel, stemsMin: Int, isGiven: Bool
    ) -> Schema {
        switch kind {
        case .flag: .boolean
        case .choice(let values): .choice(values)
        case .named(let names): .choice(isGiven ? names.keys.sorted() : Set(names.values).sorted())
        case .number(let range): .number(range)
        case .wholeNumber(let range): .integer(range)
        case .stems: .list(of: .choice(model.stems), stemsMin...max(1, model.stems.count), isSet: true)
        }
    }

    private static func defaultWords(_ field: OptionField) -> String {
        if case .stems = field.kind { return "Some of the model's stems; by default all." }
        return field.fallback == .null ? "By default what suits the model." : "By default \(field.fallback.text)."
    }
}
