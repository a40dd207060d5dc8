/// Why a text is not acceptable JSON.
public struct JSONError: Error, Hashable, Sendable {
    public enum Reason: String, Sendable {
        case tooLarge = "too large"
        case tooDeep = "nested too deeply"
        case invalidUTF8 = "not UTF-8"
        case unexpectedEnd = "unexpected end"
        case unexpectedByte = "unexpected byte"
        case invalidEscape = "invalid escape"
        case loneSurrogate = "lone surrogate"
        case invalidNumber = "invalid number"
        case numberOutOfRange = "number out of range"
        case duplicateName = "duplicate name"
        case trailingBytes = "bytes after the value"
    }
    public var reason: Reason
    /// Bytes from the start of the text.
    public var offset: Int
}

/// A strict parser of RFC 8259 with bounds: UTF-8 only, no byte order mark, duplicate names refused unless allowed.
public struct JSONParser {
    /// What is made of an object that has a name twice, which RFC 8259 §4 leaves open.
    public enum DuplicateNames: Sendable {
        /// It is an error: two readers could see two values.
        case refused
        /// Every member is kept, in order.
        case allowed
    }

    public static let bytesMaxDefault = 1 << 20
    public static let depthMaxDefault = 32
    /// No deeper, whatever a caller allows: parsing a value, and releasing it, takes stack for each level.
    public static let depthCeiling = 512

    private let bytes: [UInt8]
    private let depthMax: Int
    private let duplicateNames: DuplicateNames
    private var position = 0

    /// - Parameter depthMax: arrays and objects within one another; beyond `depthCeiling` that counts.
    /// - Throws: `JSONError` with the offset of the first fault.
    public static func parse(
        _ bytes: [UInt8], bytesMax: Int = bytesMaxDefault, depthMax: Int = depthMaxDefault,
        duplicateNames: DuplicateNames = .refused
    ) throws(JSONError) -> JSON {
        guard bytes.count <= bytesMax else { throw JSONError(reason: .tooLarge, offset: bytesMax) }
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw JSONError(reason: .invalidUTF8, offset: error.byteOffsets.lowerBound)
        }
        var parser = JSONParser(
            bytes: bytes, depthMax: min(depthMax, depthCeiling), duplicateNames: duplicateNames)
        let value = try parser.parseValue(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.fault(.trailingBytes) }
        return value
    }

    private init(bytes: [UInt8], depthMax: Int, duplicateNames: DuplicateNames) {
        self.bytes = bytes
        self.depthMax = depthMax
        self.duplicateNames = duplicateNames
    }

    private func fault(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, offset: position) }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard position < bytes.count else { throw fault(.unexpectedEnd) }
        return bytes[position]
    }

    private mutating func parseValue(depth: Int) throws(JSONError) -> JSON {
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return try parseObject(depth: depth + 1)
        case UInt8(ascii: "["): return try parseArray(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        default: throw fault(.unexpectedByte)
        }
    }

    private mutating func parseWord(_ word: String, _ value: JSON) throws(JSONError) -> JSON {
        for byte in word.utf8 {
            guard try peek() == byte else { throw fault(.unexpectedByte) }
            position += 1
        }
        return value
    }

    private mutating func parseObject(depth: Int) throws(JSONError) -> JSON {
        guard depth <= depthMax else { throw fault(.tooDeep) }
        position += 1
        var members: [JSON.Member] = []
        var names: Set<String> = []
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            position += 1
            return .object([])
        }
        while true {
            skipSpace()
            guard try peek() == UInt8(ascii: "\"") else { throw fault(.unexpectedByte) }
            let start = position
            let name = try parseString()
            if duplicateNames == .refused, !names.insert(name).inserted {
                throw JSONError(reason: .duplicateName, offset: start)
            }
            skipSpace()
            guard try peek() == UInt8(ascii: ":") else { throw fault(.unexpectedByte) }
            position += 1
            members.append(JSON.Member(name, try parseValue(depth: depth)))
            if try endOfList(UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private mutating func parseArray(depth: Int) throws(JSONError) -> JSON {
        guard depth <= depthMax else { throw fault(.tooDeep) }
        position += 1
        var elements: [JSON] = []
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            position += 1
            return .array([])
        }
        while true {
            elements.append(try parseValue(depth: depth))
            if try endOfList(UInt8(ascii: "]")) { return .array(elements) }
        }
    }

    private mutating func endOfList(_ closing: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        let byte = try peek()
        guard byte == closing || byte == UInt8(ascii: ",") else { throw fault(.unexpectedByte) }
        position += 1
        return byte == closing
    }

    private mutating func parseString() throws(JSONError) -> String {
        position += 1
        var start = position
        var content: [UInt8] = []
        while true {
            switch try peek() {
            case UInt8(ascii: "\""):
                defer { position += 1 }
                // Without an escape, which is the rule, the text is made from the input in one piece.
                if content.isEmpty { return String(decoding: bytes[start..<position], as: UTF8.self) }
                return String(decoding: content + bytes[start..<position], as: UTF8.self)
            case UInt8(ascii: "\\"):
                content += bytes[start..<position]
                position += 1
                content += try parseEscape()
                start = position
            case 0..<0x20: throw fault(.unexpectedByte)
            default: position += 1
            }
        }
    }

    private mutating func parseEscape() throws(JSONError) -> [UInt8] {
        let byte = try peek()
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try parseUnicodeEscape()
        default:
            position -= 1
            throw fault(.invalidEscape)
        }
    }

    private mutating func parseUnicodeEscape() throws(JSONError) -> [UInt8] {
        let first = try parseHexadecimal()
        var scalar = UInt32(first)
        if (0xD800..<0xDC00).contains(first) {
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw fault(.loneSurrogate) }
            position += 2
            let second = try parseHexadecimal()
            guard (0xDC00..<0xE000).contains(second) else { throw fault(.loneSurrogate) }
            scalar = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        }
        guard let character = Unicode.Scalar(scalar) else { throw fault(.loneSurrogate) }
        return Array(String(character).utf8)
    }

    private mutating func parseHexadecimal() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = try peek()
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
            default: throw fault(.invalidEscape)
            }
            position += 1
        }
        return value
    }

    private mutating func parseNumber() throws(JSONError) -> JSON {
        let start = position
        var isWhole = true
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        if try peek() == UInt8(ascii: "0") { position += 1 } else { try skipDigits() }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try skipDigits()
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            position += 1
            let sign = try peek()
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            throw JSONError(reason: .numberOutOfRange, offset: start)
        }
        return .number(value)
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        guard position > start else { throw fault(.invalidNumber) }
    }
}
