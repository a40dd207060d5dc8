internal import Glibc

/// Bytes while they are put together: log lines, response heads. To append is to check for room and to store, where an
/// array asks who else holds it each time; and text goes in without strings made of its parts.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    // SAFETY: owned by this value alone, from init to deinit; `count` bytes are initialised, never more than `capacity`.
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    public private(set) var count = 0

    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    public var isEmpty: Bool { count == 0 }

    /// The bytes, for the time of `body`.
    public borrowing func withBytes<Value: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    public borrowing func array(from start: Int = 0) -> [UInt8] {
        Array(UnsafeBufferPointer(start: base + start, count: count - start))
    }

    /// Drops what stands after the first `count` bytes; the memory is kept.
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count)
        self.count = count
    }

    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }

    public mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    public mutating func append(literal text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The decimal digits of `value`, zero-padded to `width`, at most 20.
    public mutating func append(decimal value: UInt64, width: Int = 1) {
        reserve(20)
        var digits = 1
        var bound: UInt64 = 10
        while digits < 20, digits < width || value >= bound {
            digits += 1
            bound = bound &* 10
        }
        var rest = value
        var index = count + digits
        while index > count {
            index -= 1
            base[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        }
        count += digits
    }

    public mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    /// 16 lower-case hexadecimal digits.
    public mutating func append(hexadecimal value: UInt64) {
        reserve(16)
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index) & 0xF)
            base[count + index] = digit &+ (digit < 10 ? 0x30 : 0x57)
        }
        count += 16
    }

    @inline(__always) private mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(to: count + more) }
    }

    @inline(never) private mutating func grow(to least: Int) {
        capacity = max(least, capacity * 2)
        let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        memcpy(grown, base, count)
        base.deallocate()
        base = grown
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether every byte is visible ASCII or a space, as in nearly all text of a protocol: eight are looked at together.
    public var isPlainText: Bool {
        let bytes = UnsafeRawBufferPointer(self)
        var index = 0
        while index + 8 <= count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // The high bit of a byte is set where it is below 0x20, is 0x7F, or is not ASCII; a borrow only sets more.
            let low = word &- 0x2020_2020_2020_2020
            let delete = (word ^ 0x7F7F_7F7F_7F7F_7F7F) &- 0x0101_0101_0101_0101
            if (low | delete | word) & 0x8080_8080_8080_8080 != 0 { return false }
            index += 8
        }
        while index < count {
            if self[index] < 0x20 || self[index] > 0x7E { return false }
            index += 1
        }
        return true
    }
}
