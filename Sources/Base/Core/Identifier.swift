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

/// The halves of UUIDv7s, one after the other, as one process makes them.
public struct IdentifierSequence: Sendable {
    private var milliseconds: Int64 = 0
    private var counter: UInt16 = 0

    public init() {}

    /// The two halves; `rand_a` is a counter within the millisecond (RFC 9562 §6.2, method 1).
    public mutating func next(at now: Timestamp, random: () -> UInt64) -> (high: UInt64, low: UInt64) {
        if now.milliseconds > milliseconds {
            milliseconds = now.milliseconds
            counter = UInt16(truncatingIfNeeded: random() & 0x3FF)
        } else if counter == 0xFFF {
            milliseconds += 1
            counter = 0
        } else {
            counter += 1
        }
        let high = UInt64(truncatingIfNeeded: milliseconds) << 16 | 0x7000 | UInt64(counter)
        return (high, random() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}

/// For simulations, which repeat themselves only with the same identifiers.
public enum IdentifierDiversion {
    /// The halves of an identifier made by one of the simulation's threads; `nil` on any other.
    public typealias Source = @Sendable (Timestamp) -> (high: UInt64, low: UInt64)?

    /// Asks `source` first, from now on.
    public static func divert(to source: @escaping Source) { UUIDv7.divert(to: source) }
}

enum UUIDv7 {
    private struct State: ~Copyable {
        var sequence = IdentifierSequence()
        var diversion: IdentifierDiversion.Source?
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

    static func next(at now: Timestamp) -> (high: UInt64, low: UInt64) {
        state.withLock { state in
            if let diverted = state.diversion?(now) { return diverted }
            var sequence = state.sequence
            defer { state.sequence = sequence }
            return sequence.next(at: now) { state.nextRandom() }
        }
    }

    static func divert(to source: @escaping IdentifierDiversion.Source) { state.withLock { $0.diversion = source } }

    private static func fillRandom(_ buffer: UnsafeMutableRawBufferPointer) {
        let status = getentropy(buffer.baseAddress, buffer.count)
        precondition(status == 0, "getentropy: errno \(errno)")
    }
}
