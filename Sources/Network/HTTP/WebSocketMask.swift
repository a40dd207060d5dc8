/// Takes the mask off a payload that comes in pieces (RFC 6455 §5.3), 32 bytes at a time.
struct WebSocketMask {
    /// The key's bytes in the order in which they meet the next bytes of the payload, the first lowest.
    private var key: UInt32

    init(_ key: UInt32) { self.key = key }

    /// Goes on where the last piece ended.
    mutating func apply(to bytes: UnsafeMutableRawBufferPointer) {
        defer { turn(by: bytes.count) }
        guard key != 0 else { return }
        let double = UInt64(key) << 32 | UInt64(key)
        let wide = SIMD4<UInt64>(repeating: double)
        var offset = 0
        while bytes.count - offset >= 32 {
            let piece = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
            bytes.storeBytes(of: piece ^ wide, toByteOffset: offset, as: SIMD4<UInt64>.self)
            offset += 32
        }
        while bytes.count - offset >= 8 {
            let piece = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            bytes.storeBytes(of: piece ^ double, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        var rest = double
        while offset < bytes.count {
            bytes[offset] ^= UInt8(truncatingIfNeeded: rest)
            rest >>= 8
            offset += 1
        }
    }

    private mutating func turn(by count: Int) {
        let bits = UInt32(count % 4) * 8
        if bits > 0 { key = key >> bits | key << (32 - bits) }
    }
}
