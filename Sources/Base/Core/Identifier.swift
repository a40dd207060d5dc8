internal import Glibc
internal import Synchronization

/// What an identifier names; its prefix is the text before the underscore.
public protocol IdentifierKind: Sendable {
    static var prefix: String { get }
}

/// A prefixed UUIDv7 (RFC 9562 §5.7): `job_` and 32 lower-case hexadecimal digits, sortable by creation time.
public struct Identifier<Kind: IdentifierKind>: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// A new identifier for the time `now`; identifiers made by one process never repeat and sort as made.
    public init(at now: Timestamp) {
        let (high, low) = UUIDv7.next(at: now)
        var bytes = ByteBuffer(capacity: 64)
        bytes.append(Kind.prefix)
        bytes.append(UInt8(ascii: "_"))
        bytes.append(hexadecimal: high)
        bytes.append(hexadecimal: low)
        text = bytes.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// `nil` unless `text` is this kind's prefix, an underscore and 32 lower-case hexadecimal digits.
    public init?(parsing text: String) {
        let bytes = text.utf8
        guard bytes.count == Kind.prefix.utf8.count + 33, text.hasPrefix(Kind.prefix + "_") else { return nil }
        let digits = bytes.suffix(32)
        guard digits.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }) else { return nil }
        self.text = text
    }

    /// The time that the identifier was made for, from its leading 48 bits; never before that of an earlier one of
    /// the same process, though the clock be set back.
    public var madeAt: Timestamp {
        Timestamp(milliseconds: Int64(text.suffix(32).prefix(12), radix: 16) ?? 0)
    }

    public var description: String { text }

    public static func < (left: Identifier, right: Identifier) -> Bool { left.text < right.text }
}

/// The billing account that credits belong to; a user has one.
public enum AccountKind: IdentifierKind { public static let prefix = "acc" }
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
