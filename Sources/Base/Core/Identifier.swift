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
        text = Kind.prefix + "_" + UUIDv7.next(at: now)
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
    private struct State {
        var milliseconds: Int64 = 0
        var counter: UInt16 = 0
    }
    private static let state = Mutex(State())

    /// 32 hexadecimal digits; `rand_a` is a counter within the millisecond (RFC 9562 §6.2, method 1).
    static func next(at now: Timestamp) -> String {
        let (milliseconds, counter) = state.withLock { state -> (Int64, UInt16) in
            if now.milliseconds > state.milliseconds {
                state.milliseconds = now.milliseconds
                state.counter = UInt16.random(in: 0..<0x400)
            } else if state.counter == 0xFFF {
                state.milliseconds += 1
                state.counter = 0
            } else {
                state.counter += 1
            }
            return (state.milliseconds, state.counter)
        }
        let high = UInt64(milliseconds) << 16 | 0x7000 | UInt64(counter)
        let low = UInt64.random(in: 0...UInt64.max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return hexadecimal(high) + hexadecimal(low)
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
