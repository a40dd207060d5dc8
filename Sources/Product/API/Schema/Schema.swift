internal import Core

/// What a JSON value may be: the part of JSON Schema 2020-12 that this API speaks. Every object is closed.
///
/// One value says it to the decoder (`faults(in:at:)`) and to the OpenAPI document (`json(_:)`), so that neither can
/// promise what the other does not hold.
struct Schema: Sendable {
    indirect enum Shape: Sendable {
        case null
        case boolean
        case integer(ClosedRange<Int64>)
        /// Without a range any number.
        case number(ClosedRange<Double>?)
        case text(TextRule)
        case constant(JSON)
        case choice([String])
        case list(of: Schema, count: ClosedRange<Int>, isSet: Bool)
        case object([Property])
        /// An object whose member names are free, within the pattern, and whose values are alike.
        case map(of: Schema, names: String)
        case oneOf([Schema])
        case anyOf([Schema])
        case nullable(Schema)
        /// A schema that the document lists under its name and refers to elsewhere.
        case component(String, Schema)
        /// A component that is made when the server starts. The decoder asks only `base`: the room behind the route
        /// judges the rest, and has codes of its own for it.
        case reference(String, base: Schema)
        /// Judged by the room behind the route.
        case anything
    }

    struct TextRule: Sendable {
        /// Unicode scalars, as JSON Schema counts.
        var length: ClosedRange<Int> = 0...Int.max
        /// ECMA 262; the decoder asks `accepts`, which means the same.
        var pattern: String?
        /// What `pattern` means, for people: follows "must be".
        var meaning = "a string"
        var format: String?
        var accepts: (@Sendable (String) -> Bool)?
        /// What the text is, read as JSON.
        var content: Schema?
    }

    struct Property: Sendable {
        var name: String
        var schema: Schema
        var isRequired: Bool
    }

    var shape: Shape
    var summary: String?
    var example: JSON?
    /// What stands for an absent value.
    var fallback: JSON?

    init(_ shape: Shape) { self.shape = shape }

    /// The same schema with words, and an example, for people.
    func saying(_ summary: String, example: JSON? = nil) -> Schema {
        var copy = self
        copy.summary = summary
        if let example { copy.example = example }
        return copy
    }
}

extension Schema {
    static let boolean = Schema(.boolean)
    static let number = Schema(.number(nil))
    static let anything = Schema(.anything)
    static let string = Schema(.text(TextRule()))
    /// `2026-01-02T03:04:05.678Z`.
    static let time = string(format: "date-time")
    static let sha256 = string(pattern: "^[0-9a-f]{64}$", meaning: "64 hexadecimal digits")
    /// A count of things that is never negative.
    static let count = integer(0...Int64.max)

    static func number(_ range: ClosedRange<Double>) -> Schema { Schema(.number(range)) }
    static func integer(_ range: ClosedRange<Int64>) -> Schema { Schema(.integer(range)) }
    static func string(_ length: ClosedRange<Int>) -> Schema { Schema(.text(TextRule(length: length))) }
    static func string(format: String) -> Schema { Schema(.text(TextRule(format: format))) }
    static func string(
        pattern: String, meaning: String, accepts: (@Sendable (String) -> Bool)? = nil
    ) -> Schema {
        Schema(.text(TextRule(pattern: pattern, meaning: meaning, accepts: accepts)))
    }
    /// A string that is the text of such a JSON value.
    static func encoded(_ content: Schema) -> Schema { Schema(.text(TextRule(content: content))) }
    static func constant(_ value: JSON) -> Schema { Schema(.constant(value)) }
    static func choice(_ values: [String]) -> Schema { Schema(.choice(values)) }
    static func list(of element: Schema, _ count: ClosedRange<Int> = 0...Int.max, isSet: Bool = false) -> Schema {
        Schema(.list(of: element, count: count, isSet: isSet))
    }
    static func object(_ properties: [Property]) -> Schema { Schema(.object(properties)) }
    static func object(_ name: String, _ properties: [Property]) -> Schema {
        Schema(.component(name, Schema(.object(properties))))
    }
    static func map(of value: Schema, names: String) -> Schema { Schema(.map(of: value, names: names)) }
    static func anyOf(_ schemas: [Schema]) -> Schema { schemas.count == 1 ? schemas[0] : Schema(.anyOf(schemas)) }
    static func oneOf(_ schemas: [Schema]) -> Schema { Schema(.oneOf(schemas)) }
    static func component(_ name: String, _ schema: Schema) -> Schema { Schema(.component(name, schema)) }
    static func reference(_ name: String, base: Schema = .anything) -> Schema { Schema(.reference(name, base: base)) }

    /// This or `null`.
    var nullable: Schema { Schema(.nullable(self)) }
}

extension Schema.Property {
    static func required(_ name: String, _ schema: Schema, _ summary: String? = nil) -> Schema.Property {
        Schema.Property(name: name, schema: summary.map { schema.saying($0) } ?? schema, isRequired: true)
    }

    /// May be left out, or `null`, which is the same.
    static func optional(_ name: String, _ schema: Schema, _ summary: String? = nil) -> Schema.Property {
        var nullable = schema.nullable
        nullable.summary = summary ?? schema.summary
        return Schema.Property(name: name, schema: nullable, isRequired: false)
    }
}
