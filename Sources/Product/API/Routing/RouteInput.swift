internal import Core
internal import HTTP

/// What the document says of something that a route takes.
struct InputSpec: Sendable {
    enum Place: String, Sendable {
        case path, query, header, body
    }

    var place: Place
    /// Of a body, its media type.
    var name: String
    var schema: Schema
    var isRequired: Bool
    var summary: String
    /// What the input may be refused with.
    var refuses: [ProblemCode]
    /// Of a form's parts, the media types that they have.
    var partTypes: [(part: String, mediaType: String)] = []
}

/// One typed thing that a handler takes from its request: how it is read, and how it is documented.
struct RouteInput<Value: Sendable>: Sendable {
    /// Reads it; `nil` once what is wrong with it has been added to the faults.
    typealias Read = @Sendable (RequestContext, inout Faults) async -> Value?

    var spec: InputSpec
    var read: Read
}

/// A value of a parameter: read from text of one form only.
protocol ParameterValue: Sendable {
    static var schema: Schema { get }

    init?(parsing text: String)
}

/// A value of a path: text of another form names nothing.
protocol PathValue: ParameterValue {
    /// What a path that names nothing is answered with.
    static var absence: Problem { get }
}

extension RouteInput where Value: PathValue {
    /// The path's `{name}`.
    static func path(_ name: String, _ type: Value.Type, _ summary: String) -> RouteInput {
        let spec = InputSpec(
            place: .path, name: name, schema: Value.schema, isRequired: true, summary: summary,
            refuses: [Value.absence.code])
        return RouteInput(spec: spec) { context, faults in
            guard let value = Value(parsing: context.parameters[name] ?? "") else {
                faults.give(up: Value.absence)
                return nil
            }
            return value
        }
    }
}

extension RouteInput where Value == Int {
    /// A whole number of the query.
    static func query(_ name: String, _ range: ClosedRange<Int>, default fallback: Int, _ summary: String) -> RouteInput
    {
        var schema = Schema.integer(Int64(range.lowerBound)...Int64(range.upperBound))
        schema.fallback = .integer(Int64(fallback))
        let fixed = schema
        return .optional(.query, name, fixed, summary) { text in
            guard let text else { return fallback }
            return wholeNumber(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension RouteInput where Value == String? {
    /// Any text of the query.
    static func query(_ name: String, _ summary: String) -> RouteInput {
        .optional(.query, name, .string, summary) { .some($0) }
    }

    /// A request field of printable ASCII; it may stand once.
    static func header(_ name: String, length: ClosedRange<Int>, _ summary: String) -> RouteInput {
        let pattern = "^[!-~]([ -~]*[!-~])?$"
        var schema = Schema.string(pattern: pattern, meaning: "printable ASCII")
        schema.shape = .text(Schema.TextRule(length: length, pattern: pattern, meaning: "printable ASCII"))
        return .optional(.header, name, schema, summary) { text in
            guard let text else { return .some(nil) }
            guard length.contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                return nil
            }
            return .some(text)
        }
    }
}

extension RouteInput where Value == Int? {
    /// A whole number in a request field.
    static func header(_ name: String, _ range: ClosedRange<Int>, _ summary: String) -> RouteInput {
        .optional(.header, name, .integer(Int64(range.lowerBound)...Int64(range.upperBound)), summary) { text in
            guard let text else { return .some(nil) }
            guard let number = wholeNumber(text), range.contains(number) else { return nil }
            return .some(number)
        }
    }
}

extension RouteInput {
    /// One of the values of an enumeration, from the query.
    static func query<Choice: RawRepresentable & CaseIterable & Sendable>(
        _ name: String, _ type: Choice.Type, _ summary: String
    ) -> RouteInput where Value == Choice?, Choice.RawValue == String {
        .optional(.query, name, .choice(Choice.allCases.map(\.rawValue)), summary) { text in
            guard let text else { return .some(nil) }
            guard let choice = Choice(rawValue: text) else { return nil }
            return .some(choice)
        }
    }

    /// A value with a form of its own, from the query.
    static func query<Parameter: ParameterValue>(
        _ name: String, _ type: Parameter.Type, _ summary: String
    ) -> RouteInput where Value == Parameter? {
        .optional(.query, name, Parameter.schema, summary) { text in
            guard let text else { return .some(nil) }
            guard let value = Parameter(parsing: text) else { return nil }
            return .some(value)
        }
    }

    /// A parameter that may be absent; `parse` answers `nil` for text that it cannot be.
    private static func optional(
        _ place: InputSpec.Place, _ name: String, _ schema: Schema, _ summary: String,
        parse: @escaping @Sendable (String?) -> Value?
    ) -> RouteInput {
        let spec = InputSpec(
            place: place, name: name, schema: schema, isRequired: false, summary: summary, refuses: [.invalidField])
        let fault = "must be \(schema.meaning)"
        return RouteInput(spec: spec) { context, faults in
            let head = context.request.head
            if place == .header, head.fields.values(name).count > 1 {
                faults.add(.invalidField, name, "may be given only once")
                return nil
            }
            let value = parse(place == .query ? head.query(name) : head.fields[name])
            if value == nil { faults.add(.invalidField, name, fault) }
            return value
        }
    }
}

/// The value of digits and perhaps a minus; `nil` for anything else, such as a plus.
private func wholeNumber(_ text: String) -> Int? {
    text.utf8.first == UInt8(ascii: "+") ? nil : Int(text)
}

extension UInt8 {
    /// A letter, a digit, `_` or `-` of ASCII: what names and ids are made of.
    var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
