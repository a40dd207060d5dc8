internal import Glibc

/// Bytes while they are put together: log lines, response heads. To append is to check for room and to store, where an
/// array asks who else holds it each time; and text goes in without strings made of its parts.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    // SAFETY: owned by this value alone, from init to deinit; `filled` bytes are set, never more than `capacity`.
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var filled = 0
    @inlinable public var count: Int { filled }

    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        base = Self.allocate(self.capacity)
    }

    deinit { free(base) }

    public var isEmpty: Bool { count == 0 }

    /// The bytes, for the time of `body`.
    @inlinable public borrowing func withBytes<Value: ~Copyable, Failure: Error>(
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
        filled = count
    }

    @inlinable @inline(__always) public mutating func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        filled += 1
    }

    public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(base + count, source, bytes.count)
        filled += bytes.count
    }

    public mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

    public mutating func append(_ text: String) { text.withBytes { append($0) } }

    /// Inlined, so that a text known to the compiler is stored word by word without a call.
    @inlinable @inline(__always) public mutating func append(literal text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        UnsafeMutableRawPointer(base + count).copyMemory(from: text.utf8Start, byteCount: length)
        filled += length
    }

    /// The decimal digits of `value`, zero-padded to `width`, at most 20.
    public mutating func append(decimal value: UInt64, width: Int = 1) {
        reserve(20)
        if value < 10, width <= 1 {
            base[count] = UInt8(truncatingIfNeeded: 0x30 + value)
            filled += 1
            return
        }
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
        filled += digits
    }

    /// Two decimal digits of `value`, which is below 100.
    public mutating func append(twoDigits value: UInt64) {
        reserve(2)
        base[count] = UInt8(truncatingIfNeeded: 0x30 + value / 10)
        base[count + 1] = UInt8(truncatingIfNeeded: 0x30 + value % 10)
        filled += 2
    }

    /// The first `count` bytes of `word` in memory's order, at most 8.
    @inlinable @inline(__always) mutating func append(word: UInt64, count: Int) {
        reserve(8)
        UnsafeMutableRawPointer(base + filled).storeBytes(of: word.littleEndian, as: UInt64.self)
        filled += count
    }

    /// Appends visible ASCII and spaces; returns false, with nothing appended, if `bytes` hold anything else.
    public mutating func append(plainText bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let length = bytes.count
        // A text is looked at while it is copied: most are shorter than what it costs to call memcpy.
        reserve(length)
        let source = UnsafeRawBufferPointer(bytes)
        let target = UnsafeMutableRawPointer(base + count)
        var index = 0
        while index + 8 <= length {
            let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard word.isPlainText else { return false }
            target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < length {
            guard bytes[index] >= 0x20, bytes[index] <= 0x7E else { return false }
            target.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self)
            index += 1
        }
        filled += length
        return true
    }

    public mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    /// 16 lower-case hexadecimal digits.
    public mutating func append(hexadecimal value: UInt64) {
        reserve(16)
        let memory = UnsafeMutableRawPointer(base + count)
        memory.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: value >> 32)).bigEndian, as: UInt64.self)
        let low = Self.digits(UInt32(truncatingIfNeeded: value)).bigEndian
        memory.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
        filled += 16
    }

    /// The eight digits of `value`, one a byte: its nibbles are spread, and all made digits at once.
    private static func digits(_ value: UInt32) -> UInt64 {
        var nibbles = UInt64(value)
        nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    @inlinable @inline(__always) mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(to: count + more) }
    }

    @usableFromInline @inline(never) mutating func grow(to least: Int) {
        capacity = max(least, capacity * 2)
        let grown = Self.allocate(capacity)
        memcpy(grown, base, count)
        free(base)
        base = grown
    }

    /// By malloc(3): Swift's own allocation asks for an alignment, which takes another, slower way.
    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
        guard let memory = malloc(capacity) else { preconditionFailure("memory has run out") }
        return memory.assumingMemoryBound(to: UInt8.self)
    }
}

extension String {
    /// Its UTF-8, for the time of `body`. Unlike `withUTF8` it needs no copy of the string to call it on.
    @inlinable public func withBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        if let value = utf8.withContiguousStorageIfAvailable(body) { return value }
        var copy = self
        return copy.withUTF8(body)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether every byte is visible ASCII or a space, as nearly all text of a protocol: eight are looked at together.
    public var isPlainText: Bool {
        let bytes = UnsafeRawBufferPointer(self)
        var index = 0
        while index + 8 <= count {
            guard bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).isPlainText else { return false }
            index += 8
        }
        // The last eight once more, where there are as many: cheaper than the rest one by one.
        if index < count, count >= 8 {
            return bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self).isPlainText
        }
        while index < count {
            if self[index] < 0x20 || self[index] > 0x7E { return false }
            index += 1
        }
        return true
    }
}

extension UInt64 {
    /// Whether each of the eight bytes is visible ASCII or a space.
    fileprivate var isPlainText: Bool {
        // The high bit of a byte is set where it is below 0x20, is 0x7F, or is not ASCII; a borrow only sets more.
        let low = self &- 0x2020_2020_2020_2020
        let delete = (self ^ 0x7F7F_7F7F_7F7F_7F7F) &- 0x0101_0101_0101_0101
        return (low | delete | self) & 0x8080_8080_8080_8080 == 0
    }
}
