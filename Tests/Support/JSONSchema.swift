public import Core

/// A checker of JSON Schema 2020-12, written from the specification and apart from the server's own decoder. It knows
/// the keywords that the API's document uses, and says so of any other.
public struct JSONSchema {
    private static let annotations: Set<String> = ["description", "default", "examples", "contentMediaType"]

    /// Where `#/…` references lead.
    private let document: JSON

    public init(document: JSON) { self.document = document }

    /// Everything by which `value` is not what `schema` says; each with the place in the value.
    public func faults(in value: JSON, by schema: JSON, at place: String = "$") -> [String] {
        guard let keywords = schema.members else { return ["\(place): a schema that is no object: \(schema.text)"] }
        return keywords.flatMap { check(value, $0, of: schema, at: place) }
    }

    /// What `#/a/b` leads to.
    public func resolve(_ reference: String) -> JSON? {
        var found: JSON? = document
        for part in reference.split(separator: "/").dropFirst() { found = found?[String(part)] }
        return found
    }

    private func check(_ value: JSON, _ keyword: JSON.Member, of schema: JSON, at place: String) -> [String] {
        let wanted = keyword.value
        func unless(_ holds: Bool) -> [String] {
            holds ? [] : ["\(place): \(value.text.prefix(80)) breaks \(keyword.name) \(wanted.text.prefix(80))"]
        }
        switch keyword.name {
        case "$ref":
            guard let target = resolve(wanted.string ?? "") else { return ["\(place): \(wanted.text) leads nowhere"] }
            return faults(in: value, by: target, at: place)
        case "type": return unless((wanted.array ?? [wanted]).contains { Self.isOf(value, $0.string ?? "") })
        case "const": return unless(value == wanted)
        case "enum": return unless(wanted.array?.contains(value) == true)
        case "minimum": return unless(value.double.map { $0 >= wanted.double ?? .infinity } ?? true)
        case "maximum": return unless(value.double.map { $0 <= wanted.double ?? -.infinity } ?? true)
        case "minLength": return unless(value.string.map { $0.unicodeScalars.count >= wanted.integer ?? .max } ?? true)
        case "maxLength": return unless(value.string.map { $0.unicodeScalars.count <= wanted.integer ?? .min } ?? true)
        case "minItems": return unless(value.array.map { $0.count >= wanted.integer ?? .max } ?? true)
        case "maxItems": return unless(value.array.map { $0.count <= wanted.integer ?? .min } ?? true)
        case "uniqueItems": return unless(value.array.map { Set($0).count == $0.count } ?? true)
        case "pattern": return unless(value.string.map { Self.matches($0, wanted.string ?? "") } ?? true)
        case "format": return unless(Self.isOfFormat(value, wanted.string ?? ""))
        case "required":
            guard value.members != nil else { return [] }
            return unless((wanted.array ?? []).allSatisfy { value[$0.string ?? ""] != nil })
        case "oneOf": return unless(matching(value, wanted, at: place) == 1)
        case "anyOf": return unless(matching(value, wanted, at: place) >= 1)
        default: return checkWithin(value, keyword, of: schema, at: place)
        }
    }

    /// The keywords that look into the value.
    private func checkWithin(_ value: JSON, _ keyword: JSON.Member, of schema: JSON, at place: String) -> [String] {
        let wanted = keyword.value
        switch keyword.name {
        case "items":
            return (value.array ?? []).enumerated().flatMap { faults(in: $1, by: wanted, at: "\(place)[\($0)]") }
        case "properties":
            return (value.members ?? []).flatMap { member in
                wanted[member.name].map { faults(in: member.value, by: $0, at: "\(place).\(member.name)") } ?? []
            }
        case "patternProperties":
            return (value.members ?? []).flatMap { member in
                (wanted.members ?? []).filter { Self.matches(member.name, $0.name) }.flatMap {
                    faults(in: member.value, by: $0.value, at: "\(place).\(member.name)")
                }
            }
        case "additionalProperties":
            let patterns = (schema["patternProperties"]?.members ?? []).map(\.name)
            return (value.members ?? []).filter { member in
                schema["properties"]?[member.name] == nil && !patterns.contains { Self.matches(member.name, $0) }
            }.map { "\(place): \($0.name) is not allowed" }
        case "contentSchema":
            guard let text = value.string else { return [] }
            guard let content = try? JSONParser.parse(Array(text.utf8)) else { return ["\(place): no JSON: \(text)"] }
            return faults(in: content, by: wanted, at: "\(place)>")
        default:
            return Self.annotations.contains(keyword.name) ? [] : ["\(place): the keyword \(keyword.name) is not known"]
        }
    }

    private func matching(_ value: JSON, _ schemas: JSON, at place: String) -> Int {
        (schemas.array ?? []).count { faults(in: value, by: $0, at: place).isEmpty }
    }

    private static func isOf(_ value: JSON, _ type: String) -> Bool {
        switch type {
        case "null": value == .null
        case "boolean": value.bool != nil
        case "integer": value.integer != nil
        case "number": value.double != nil
        case "string": value.string != nil
        case "array": value.array != nil
        case "object": value.members != nil
        default: false
        }
    }

    private static func isOfFormat(_ value: JSON, _ format: String) -> Bool {
        guard let text = value.string else { return true }
        switch format {
        case "date-time": return matches(text, #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"#)
        case "uri-reference": return text.hasPrefix("/")
        default: return format == "binary"
        }
    }

    private static func matches(_ text: String, _ pattern: String) -> Bool {
        guard let expression = try? Regex(pattern) else { return false }
        return text.firstMatch(of: expression) != nil
    }
}
