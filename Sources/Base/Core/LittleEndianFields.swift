/// Builds a record of little-endian fields, as RIFF and zip have them.
public struct LittleEndianFields: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func tag(_ text: String) { bytes.append(contentsOf: text.utf8) }

    public mutating func put16(_ value: Int) { put(UInt64(value), byteCount: 2) }

    public mutating func put32(_ value: UInt64) { put(value, byteCount: 4) }

    public mutating func put64(_ value: UInt64) { put(value, byteCount: 8) }

    private mutating func put(_ value: UInt64, byteCount: Int) {
        for shift in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(shift)))) }
    }
}
