internal import Core

/// The named schemas that a document refers to, each once, in the order of their names.
struct SchemaComponents: Sendable {
    private var named: [String: JSON] = [:]

    /// Defines what `Schema.reference` names.
    mutating func define(_ name: String, _ schema: Schema) { _ = add(name, schema) }

    /// A reference to the component, which is defined by the first that refers to it.
    fileprivate mutating func add(_ name: String, _ schema: Schema) -> JSON {
        if named[name] == nil {
            // Stands in its own place while it is made, so that a schema may refer to itself.
            named[name] = .null
            named[name] = schema.json(&self)
        }
        return Self.reference(name)
    }

    static func reference(_ name: String) -> JSON { ["$ref": .string("#/components/schemas/\(name)")] }

    var json: JSON {
        .object(named.sorted { $0.key < $1.key }.map { JSON.Member($0.key, $0.value) })
    }
}

extension Schema {
    /// This as JSON Schema 2020-12; what has a name goes to `components`.
    func json(_ components: inout SchemaComponents) -> JSON {
        var members = shapeMembers(&components)
        // What is said here is nearer to the reader than what a schema within says of itself.
        func say(_ name: String, _ value: JSON?) {
            guard let value else { return }
            members.removeAll { $0.name == name }
            members.append(JSON.Member(name, value))
        }
        say("description", summary.map(JSON.string))
        say("default", fallback)
        say("examples", example.map { [$0] })
        return .object(members)
    }

    private func shapeMembers(_ components: inout SchemaComponents) -> [JSON.Member] {
        switch shape {
        case .null: return [JSON.Member("type", "null")]
        case .boolean: return [JSON.Member("type", "boolean")]
        case .integer(let range):
            var members = [JSON.Member("type", "integer"), JSON.Member("format", "int64")]
            if range.lowerBound > .min { members.append(JSON.Member("minimum", .integer(range.lowerBound))) }
            if range.upperBound < .max { members.append(JSON.Member("maximum", .integer(range.upperBound))) }
            return members
        case .number(let range):
            guard let range else { return [JSON.Member("type", "number")] }
            return [
                JSON.Member("type", "number"), JSON.Member("minimum", .number(range.lowerBound)),
                JSON.Member("maximum", .number(range.upperBound)),
            ]
        case .text(let rule): return Self.members(rule, &components)
        case .constant(let value): return [JSON.Member("const", value)]
        case .choice(let values):
            return [JSON.Member("type", "string"), JSON.Member("enum", .array(values.map(JSON.string)))]
        case .list(let element, let count, let isSet):
            var members = [JSON.Member("type", "array"), JSON.Member("items", element.json(&components))]
            if count.lowerBound > 0 { members.append(JSON.Member("minItems", .integer(Int64(count.lowerBound)))) }
            if count.upperBound < .max { members.append(JSON.Member("maxItems", .integer(Int64(count.upperBound)))) }
            if isSet { members.append(JSON.Member("uniqueItems", true)) }
            return members
        case .object(let properties): return Self.members(properties, &components)
        case .map(let schema, let names):
            return [
                JSON.Member("type", "object"),
                JSON.Member("patternProperties", .object([JSON.Member(names, schema.json(&components))])),
                JSON.Member("additionalProperties", false),
            ]
        case .oneOf(let schemas):
            return [JSON.Member("oneOf", .array(schemas.map { $0.json(&components) }))]
        case .anyOf(let schemas):
            return [JSON.Member("anyOf", .array(schemas.map { $0.json(&components) }))]
        case .nullable(let schema): return Self.nullable(schema, &components)
        case .component(let name, let schema): return components.add(name, schema).members ?? []
        case .reference(let name, _): return SchemaComponents.reference(name).members ?? []
        case .anything: return []
        }
    }

    private static func members(_ rule: TextRule, _ components: inout SchemaComponents) -> [JSON.Member] {
        var members = [JSON.Member("type", "string")]
        if rule.length.lowerBound > 0 {
            members.append(JSON.Member("minLength", .integer(Int64(rule.length.lowerBound))))
        }
        if rule.length.upperBound < .max {
            members.append(JSON.Member("maxLength", .integer(Int64(rule.length.upperBound))))
        }
        if let pattern = rule.pattern { members.append(JSON.Member("pattern", .string(pattern))) }
        if let format = rule.format { members.append(JSON.Member("format", .string(format))) }
        if let content = rule.content {
            members.append(JSON.Member("contentMediaType", "application/json"))
            members.append(JSON.Member("contentSchema", content.json(&components)))
        }
        return members
    }

    private static func members(_ properties: [Property], _ components: inout SchemaComponents) -> [JSON.Member] {
        var described: [JSON.Member] = []
        for property in properties {
            described.append(JSON.Member(property.name, property.schema.json(&components)))
        }
        let required = properties.filter(\.isRequired).map { JSON.string($0.name) }
        return [
            JSON.Member("type", "object"), JSON.Member("properties", .object(described)),
            JSON.Member("required", .array(required)), JSON.Member("additionalProperties", false),
        ]
    }

    /// `"type": ["string", "null"]` where that says it, else a choice between the schema and `null`.
    private static func nullable(_ schema: Schema, _ components: inout SchemaComponents) -> [JSON.Member] {
        let inner = schema.json(&components)
        guard let type = inner["type"], var members = inner.members else {
            return [JSON.Member("anyOf", [inner, ["type": "null"]])]
        }
        for index in members.indices {
            switch members[index].name {
            case "type": members[index].value = [type, "null"]
            case "enum": members[index].value = .array((members[index].value.array ?? []) + [.null])
            default: break
            }
        }
        return members
    }
}
