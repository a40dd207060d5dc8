/// A JSON value (RFC 8259). Objects keep the order of their members.
public enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    public struct Member: Hashable, Sendable {
        public var name: String
        public var value: JSON

        public init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// The member of that name, `nil` if this is no object or has no such member.
    public subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var array: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
    public var members: [Member]? { if case .object(let members) = self { members } else { nil } }

    /// The value as a whole number, `nil` unless it is one and fits.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral text: String) { self = .string(text) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(booleanLiteral flag: Bool) { self = .bool(flag) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(members.map { Member($0.0, $0.1) })
    }
}

extension JSON {
    /// Compact text, UTF-8. A number that JSON cannot carry (infinite, not a number) becomes `null`.
    public var encoded: [UInt8] {
        var output = ByteBuffer(capacity: 256)
        write(to: &output)
        return output.array()
    }

    public var text: String { String(decoding: encoded, as: UTF8.self) }

    /// Appends the compact text.
    public func write(to output: inout ByteBuffer) {
        switch self {
        case .null: output.append(literal: "null")
        case .bool(let flag): output.append(flag ? "true" : "false" as String)
        case .integer(let value): output.append(decimal: value)
        case .number(let value): output.append(value.isFinite ? String(value) : "null")
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    /// Appends `text` as a JSON string.
    public static func write(_ text: String, to output: inout ByteBuffer) {
        output.append(UInt8(ascii: "\""))
        text.withBytes { bytes in
            if bytes.contains(where: mustEscape) { escape(bytes, to: &output) } else { output.append(bytes) }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func mustEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func escape(_ bytes: UnsafeBufferPointer<UInt8>, to output: inout ByteBuffer) {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""): output.append(literal: "\\\"")
            case UInt8(ascii: "\\"): output.append(literal: "\\\\")
            case 0x0A: output.append(literal: "\\n")
            case 0x0D: output.append(literal: "\\r")
            case 0x09: output.append(literal: "\\t")
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                output.append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
            default: output.append(byte)
            }
        }
    }
}
