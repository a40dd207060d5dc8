internal import Core

/// What is wrong with one field of a request.
struct Fault: Hashable, Sendable {
    var code: ProblemCode
    /// The name, with dots and indices for what lies deeper: `options.stems[0]`.
    var field: String
    /// Follows the name: `is required`.
    var detail: String
}

/// The faults of a request, gathered so that a client learns of all of them at once.
struct Faults: Sendable {
    private(set) var all: [Fault] = []
    /// What is wrong with the request as a whole: no field can be blamed.
    private var wholesale: Problem?

    mutating func add(_ code: ProblemCode, _ field: String, _ detail: String) {
        all.append(Fault(code: code, field: field, detail: detail))
    }

    mutating func add(_ faults: [Fault]) { all += faults }

    /// The first so given is what the request is answered with, unless a field has a fault.
    mutating func give(up problem: Problem) { wholesale = wholesale ?? problem }

    /// The problem with the first fault's code that lists all, or the first and how many more there are; `nil` if
    /// nothing is wrong.
    var problem: Problem? {
        guard let first = all.first else { return wholesale }
        let told = all.prefix(Problem.faultsMax)
        var lines = told.map { "\($0.field): \($0.detail)" }
        var errors = told.map { Problem.FieldError(field: $0.field, detail: $0.detail) }
        if all.count > told.count {
            let rest = "and \(all.count - told.count) more"
            lines.append(rest)
            errors.append(Problem.FieldError(field: "", detail: rest))
        }
        var problem = Problem(first.code, lines.joined(separator: "; "))
        problem.errors = errors
        return problem
    }
}

extension Schema {
    /// Everything by which `value` is not what this schema says, unknown members first.
    /// - Parameter field: where the value stands; empty for a whole body.
    func faults(in value: JSON, at field: String) -> [Fault] {
        switch shape {
        case .anything: []
        case .component(_, let schema), .reference(_, let schema):
            schema.faults(in: value, at: field)
        case .nullable(let schema): value == .null ? [] : schema.faults(in: value, at: field)
        case .object(let properties): Self.faults(in: value, properties, at: field)
        case .list(let element, let count, let isSet): Self.faults(in: value, element, count, isSet, at: field)
        case .map(let schema, _): (value.members ?? []).flatMap { schema.faults(in: $0.value, at: $0.name) }
        default: accepts(value) ? [] : [Fault(code: .invalidField, field: field, detail: "must be \(meaning)")]
        }
    }

    private static func faults(in value: JSON, _ properties: [Property], at field: String) -> [Fault] {
        guard let members = value.members else {
            return [Fault(code: .invalidField, field: field, detail: "must be an object")]
        }
        let prefix = field.isEmpty ? "" : field + "."
        let known = Set(properties.map(\.name))
        var faults = members.filter { !known.contains($0.name) }.map {
            Fault(code: .unknownField, field: prefix + $0.name, detail: "is not known here")
        }
        for property in properties {
            let name = prefix + property.name
            guard let given = members.first(where: { $0.name == property.name })?.value,
                !property.isRequired || given != .null
            else {
                if property.isRequired { faults.append(Fault(code: .missingField, field: name, detail: "is required")) }
                continue
            }
            faults += property.schema.faults(in: given, at: name)
        }
        return faults
    }

    private static func faults(
        in value: JSON, _ element: Schema, _ count: ClosedRange<Int>, _ isSet: Bool, at field: String
    ) -> [Fault] {
        guard let elements = value.array, count.contains(elements.count),
            !isSet || Set(elements).count == elements.count
        else {
            return [Fault(code: .invalidField, field: field, detail: "must be a list\(isSet ? ", each once" : "")")]
        }
        return elements.enumerated().flatMap { element.faults(in: $1, at: "\(field)[\($0)]") }
    }

    private func accepts(_ value: JSON) -> Bool {
        switch shape {
        case .null: value == .null
        case .boolean: value.bool != nil
        case .integer(let range): value.integer.map(range.contains) ?? false
        case .number(let range): value.double.map { range?.contains($0) ?? true } ?? false
        case .text(let rule):
            value.string.map { rule.length.contains($0.unicodeScalars.count) && (rule.accepts?($0) ?? true) } ?? false
        case .constant(let constant): value == constant
        case .choice(let values): value.string.map(values.contains) ?? false
        case .oneOf(let schemas), .anyOf(let schemas): schemas.contains { $0.faults(in: value, at: "").isEmpty }
        default: true
        }
    }

    /// Follows "must be".
    var meaning: String {
        switch shape {
        case .null: "null"
        case .boolean: "true or false"
        case .integer(let range): Self.meaning("a whole number", range.lowerBound, range.upperBound, Int64.max)
        case .number(let range?): "a number from \(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))"
        case .number: "a number"
        case .text(let rule):
            rule.length == 0...Int.max
                ? rule.meaning : "\(rule.meaning) of \(rule.length.lowerBound) to \(rule.length.upperBound) characters"
        case .constant(let value): value.text
        case .choice(let values): "one of \(values.joined(separator: ", "))"
        case .list: "a list"
        case .object, .map: "an object"
        case .oneOf(let schemas), .anyOf(let schemas): schemas.map(\.meaning).joined(separator: " or ")
        case .nullable(let schema), .component(_, let schema), .reference(_, let schema): schema.meaning
        case .anything: "anything"
        }
    }

    private static func meaning(_ noun: String, _ lower: Int64, _ upper: Int64, _ none: Int64) -> String {
        upper == none ? "\(noun) from \(lower)" : "\(noun) from \(lower) to \(upper)"
    }

    private static func short(_ number: Double) -> String {
        Int64(exactly: number).map { String($0) } ?? String(number)
    }
}
