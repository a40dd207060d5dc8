internal import Glibc
internal import Synchronization

/// What an identifier names; its prefix is the text before the underscore.
public protocol IdentifierKind: Sendable {
    static var prefix: StaticString { get }
}

/// A prefixed UUIDv7 (RFC 9562 §5.7): `job_` and 32 lower-case hexadecimal digits, sortable by creation time.
public struct Identifier<Kind: IdentifierKind>: Hashable, Comparable, Sendable, CustomStringConvertible {
    // Two words: a copy costs nothing, and one that is only logged never becomes a string.
    private let high: UInt64
    private let low: UInt64

    /// A new identifier for the time `now`; identifiers made by one process never repeat and sort as made.
    public init(at now: Timestamp) { (high, low) = UUIDv7.next(at: now) }

    /// `nil` unless `text` is this kind's prefix, an underscore and 32 lower-case hexadecimal digits.
    public init?(parsing text: String) {
        let bytes = text.utf8
        guard bytes.count == Kind.prefix.utf8CodeUnitCount + 33, text.hasPrefix("\(Kind.prefix)_"),
            let high = Self.value(bytes.suffix(32).prefix(16)), let low = Self.value(bytes.suffix(16))
        else { return nil }
        (self.high, self.low) = (high, low)
    }

    private static func value(_ digits: Substring.UTF8View) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(digit - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }

    public var text: String {
        var bytes = ByteBuffer(capacity: 64)
        write(to: &bytes)
        return bytes.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// Appends the text.
    public func write(to bytes: inout ByteBuffer) {
        bytes.append(literal: Kind.prefix)
        bytes.append(UInt8(ascii: "_"))
        bytes.append(hexadecimal: high)
        bytes.append(hexadecimal: low)
    }

    /// The time that the identifier was made for, from its leading 48 bits; never before that of an earlier one of
    /// the same process, though the clock be set back.
    public var madeAt: Timestamp { Timestamp(milliseconds: Int64(high >> 16)) }

    public var description: String { text }

    public static func < (left: Identifier, right: Identifier) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// The billing account that credits belong to; a user has one.
public enum AccountKind: IdentifierKind { public static let prefix: StaticString = "acc" }
public typealias AccountID = Identifier<AccountKind>

enum UUIDv7 {
    private struct State: ~Copyable {
        var milliseconds: Int64 = 0
        var counter: UInt16 = 0
        /// The kernel's random bits, fetched for many identifiers at once: a system call for each would cost more
        /// than all the rest of it.
        var random = [UInt64](repeating: 0, count: randomWordsMax)
        var randomLeft = 0

        mutating func nextRandom() -> UInt64 {
            if randomLeft == 0 {
                random.withUnsafeMutableBytes { fillRandom($0) }
                randomLeft = random.count
            }
            randomLeft -= 1
            // What was given out is not kept.
            defer { random[randomLeft] = 0 }
            return random[randomLeft]
        }
    }
    /// getrandom(2) is never interrupted, nor short, up to 256 bytes.
    private static let randomWordsMax = 32
    private static let state = Mutex(State())

    /// The two halves; `rand_a` is a counter within the millisecond (RFC 9562 §6.2, method 1).
    static func next(at now: Timestamp) -> (high: UInt64, low: UInt64) {
        state.withLock { state in
            if now.milliseconds > state.milliseconds {
                state.milliseconds = now.milliseconds
                state.counter = UInt16(truncatingIfNeeded: state.nextRandom() & 0x3FF)
            } else if state.counter == 0xFFF {
                state.milliseconds += 1
                state.counter = 0
            } else {
                state.counter += 1
            }
            let high = UInt64(truncatingIfNeeded: state.milliseconds) << 16 | 0x7000 | UInt64(state.counter)
            let low = state.nextRandom() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
            return (high, low)
        }
    }

    private static func fillRandom(_ buffer: UnsafeMutableRawBufferPointer) {
        let status = getentropy(buffer.baseAddress, buffer.count)
        precondition(status == 0, "getentropy: errno \(errno)")
    }
}
