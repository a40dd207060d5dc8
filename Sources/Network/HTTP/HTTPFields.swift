internal import Core

/// The fields of a message in the order received: names compare without case, a name may stand several times.
///
/// They are kept as they stand on the wire, in one run of bytes: a head is read with few allocations and written with
/// one copy, and only the values that someone asks for become strings.
public struct HTTPFields: Hashable, Sendable {
    public struct Field: Hashable, Sendable {
        public var name: String
        public var value: String
    }

    /// Where a field stands in `lines`: the name, a colon and a space, the value, CRLF.
    private struct Place: Hashable, Sendable {
        var start: UInt32
        var nameCount: UInt32
        var valueCount: UInt32

        var name: Range<Int> { Int(start)..<Int(start + nameCount) }
        var value: Range<Int> { name.upperBound + 2..<name.upperBound + 2 + Int(valueCount) }
        var end: Int { value.upperBound + 2 }
    }

    private var lines: [UInt8] = []
    private var places: [Place] = []
    /// A field that a response must not carry: malformed, or one of the server's own.
    private var hasUnsendable = false
    /// A bit for each name that is here, so that most questions for one that is not end at once.
    private var names: UInt64 = 0

    public init() {}

    public var count: Int { places.count }

    public var isEmpty: Bool { places.isEmpty }

    public var all: [Field] { places.map { Field(name: text($0.name), value: text($0.value)) } }

    /// The first value under `name`; setting replaces every field of that name, `nil` removes them.
    public subscript(name: String) -> String? {
        get { first(name).map { text(places[$0].value) } }
        set {
            if first(name) != nil {
                let kept = all.filter { !$0.name.equalsIgnoringASCIICase(name) }
                self = HTTPFields()
                for field in kept { append(field.name, field.value) }
            }
            if let newValue { append(name, newValue) }
        }
    }

    public func values(_ name: String) -> [String] {
        guard mayHold(name) else { return [] }
        return all.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
    }

    public mutating func append(_ name: String, _ value: String) {
        name.withBytes { name in
            value.withBytes { value in
                let isSendable = FieldSyntax.isSendable(name: Bytes(name), value: Bytes(value))
                append(Bytes(name), Bytes(value), isSendable: isSendable)
            }
        }
    }

    /// Appends fields that stand together already: constants are checked once.
    public mutating func append(contentsOf other: HTTPFields) {
        let start = UInt32(lines.count)
        for place in other.places {
            places.append(
                Place(start: start + place.start, nameCount: place.nameCount, valueCount: place.valueCount))
        }
        lines.append(contentsOf: other.lines)
        hasUnsendable = hasUnsendable || other.hasUnsendable
        names |= other.names
    }

    /// A field of a request, which its parser has checked.
    mutating func append(_ line: FieldLine) { append(line.name, line.value, isSendable: true) }

    mutating func removeAll() {
        lines.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        hasUnsendable = false
        names = 0
    }

    var byteCapacity: Int { lines.capacity + places.capacity * MemoryLayout<Place>.stride }

    /// Room for the fields of a head.
    mutating func reserveCapacity(count: Int, bytes: Int) {
        places.reserveCapacity(count)
        lines.reserveCapacity(bytes)
    }

    private mutating func append(_ name: Bytes, _ value: Bytes, isSendable: Bool) {
        if places.isEmpty, lines.capacity == 0 { reserveCapacity(count: 8, bytes: 256) }
        places.append(
            Place(
                start: UInt32(lines.count), nameCount: UInt32(name.count), valueCount: UInt32(value.count)))
        if !isSendable { hasUnsendable = true }
        names |= Self.bit(name.first ?? 0, name.count)
        lines.append(addingCapacity: name.count + value.count + 4) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                // SAFETY: the buffer has room for `addingCapacity` bytes, which are exactly those written.
                let line = UnsafeMutableRawBufferPointer(buffer)
                line.copyBytes(from: name)
                line[name.count] = ASCII.colon
                line[name.count + 1] = ASCII.space
                UnsafeMutableRawBufferPointer(rebasing: line[(name.count + 2)...]).copyBytes(from: value)
                line[name.count + value.count + 2] = ASCII.carriageReturn
                line[name.count + value.count + 3] = ASCII.lineFeed
                initialized = name.count + value.count + 4
            }
        }
    }

    /// Whether a field of the name may be here: false is certain.
    func mayHold(_ name: String) -> Bool { names & Self.bit(name.utf8.first ?? 0, name.utf8.count) != 0 }

    func mayHold(_ name: StaticString) -> Bool {
        names & Self.bit(name.utf8Start.pointee, name.utf8CodeUnitCount) != 0
    }

    private static func bit(_ first: UInt8, _ count: Int) -> UInt64 {
        1 << ((UInt64(truncatingIfNeeded: count) &* 5 &+ UInt64(first | 0x20)) & 63)
    }

    private func first(_ name: String) -> Int? {
        guard mayHold(name) else { return nil }
        let wanted = name.utf8.count
        for index in places.indices where Int(places[index].nameCount) == wanted {
            let isSame = lines.withUnsafeBytes { $0.sub(places[index].name).equalsIgnoringCase(name) }
            if isSame { return index }
        }
        return nil
    }

    private func text(_ range: Range<Int>) -> String { lines.withUnsafeBytes { $0.sub(range).fieldText } }
}

// MARK: On the wire

extension HTTPFields {
    /// Appends the lines of a response, without the server's own fields.
    func write(to bytes: inout ByteBuffer) throws(SerializationError) {
        guard hasUnsendable else { return bytes.append(lines) }
        for field in all where !FieldSyntax.isServers(field.name) {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy(\.isToken) else {
                throw .invalidFieldName(field.name)
            }
            guard field.value.utf8.allSatisfy(\.isFieldValue) else { throw .invalidFieldValue(name: field.name) }
            bytes.append(field.name)
            bytes.append(literal: ": ")
            bytes.append(field.value)
            bytes.append(literal: "\r\n")
        }
    }
}

/// What a response's field may be.
private enum FieldSyntax {
    static func isSendable(name: Bytes, value: Bytes) -> Bool {
        guard !name.isEmpty, name.allSatisfy(\.isToken), !isServers(name) else { return false }
        return value.isPlainText || value.allSatisfy(\.isFieldValue)
    }

    static func isServers(_ name: String) -> Bool {
        name.withBytes { isServers(Bytes($0)) }
    }

    private static func isServers(_ name: Bytes) -> Bool {
        switch name.count {
        case 4: name.equalsIgnoringCase("date")
        case 10: name.equalsIgnoringCase("connection") || name.equalsIgnoringCase("keep-alive")
        case 14: name.equalsIgnoringCase("content-length")
        case 17: name.equalsIgnoringCase("transfer-encoding")
        default: false
        }
    }
}

extension String {
    /// Field names, schemes and tokens compare so (RFC 9110 §5.1).
    public func equalsIgnoringASCIICase(_ other: String) -> Bool {
        let left = utf8
        let right = other.utf8
        guard left.count == right.count else { return false }
        return zip(left, right).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }
}
