/// Writes protocol buffer messages (the wire format of protobuf 2 and 3); deterministic, nothing buffered twice.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func integer(_ value: Int64, field: Int) {
        key(field, wireType: 0)
        varint(UInt64(bitPattern: value))
    }

    mutating func float(_ value: Float, field: Int) {
        key(field, wireType: 5)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func text(_ value: String, field: Int) { data(Array(value.utf8), field: field) }

    mutating func data(_ value: [UInt8], field: Int) {
        length(value.count, field: field)
        bytes.append(contentsOf: value)
    }

    mutating func message(field: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        data(inner.bytes, field: field)
    }

    mutating func packed(_ values: [Int64], field: Int) {
        var inner = ProtobufWriter()
        for value in values { inner.varint(UInt64(bitPattern: value)) }
        data(inner.bytes, field: field)
    }

    /// The start of a length-delimited field whose `count` bytes follow from elsewhere.
    mutating func length(_ count: Int, field: Int) {
        key(field, wireType: 2)
        varint(UInt64(count))
    }

    private mutating func key(_ field: Int, wireType: Int) { varint(UInt64(field << 3 | wireType)) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F | 0x80))
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
