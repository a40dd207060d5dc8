/// A point in time: milliseconds since the Unix epoch, UTC.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    public func adding(seconds: Double) -> Timestamp {
        // As far as the calendar goes: a number from outside must not trap.
        let change = Int64(exactly: (seconds * 1000).rounded()) ?? (seconds > 0 ? .max : .min)
        let (sum, isOver) = milliseconds.addingReportingOverflow(change)
        return Timestamp(milliseconds: isOver ? (change > 0 ? .max : .min) : sum)
    }

    /// Seconds from `earlier` to this point; negative if this point is the earlier one.
    public func seconds(since earlier: Timestamp) -> Double {
        Double(milliseconds - earlier.milliseconds) / 1000
    }

    /// RFC 3339 in UTC with milliseconds, `2026-01-02T03:04:05.678Z`. Years that RFC 3339 does not know have more
    /// digits, or a minus.
    public var description: String {
        var text = ByteBuffer(capacity: 32)
        appendDate(to: &text)
        text.append(UInt8(ascii: "T"))
        appendClock(to: &text)
        text.append(UInt8(ascii: "Z"))
        return text.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// `2026-01-02`, UTC.
    public func appendDate(to text: inout ByteBuffer) {
        let civil = CivilDate(daysSinceEpoch: milliseconds.floorDivided(by: 86_400_000))
        if civil.year < 0 { text.append(UInt8(ascii: "-")) }
        text.append(decimal: civil.year.magnitude, width: 4)
        text.append(UInt8(ascii: "-"))
        text.append(twoDigits: civil.month.magnitude)
        text.append(UInt8(ascii: "-"))
        text.append(twoDigits: civil.day.magnitude)
    }

    /// `03:04:05.678`, UTC.
    public func appendClock(to text: inout ByteBuffer) {
        let ofDay = (milliseconds - milliseconds.floorDivided(by: 86_400_000) * 86_400_000).magnitude
        let (hour, minute, second) = (ofDay / 3_600_000, ofDay / 60_000 % 60, ofDay / 1000 % 60)
        let fraction = ofDay % 1000
        // Two words of little-endian text, stored whole: every line of a log begins with them.
        let colons: UInt64 = 0x0000_3A00_003A_0000
        text.append(
            word: Self.digits(hour) | Self.digits(minute) << 24 | Self.digits(second) << 48 | colons, count: 8)
        text.append(word: 0x302E &+ (fraction / 100) << 8 | Self.digits(fraction % 100) << 16, count: 4)
    }
}

extension Timestamp {
    /// The two decimal digits of `value`, which is below 100: the first in the low byte.
    private static func digits(_ value: UInt64) -> UInt64 { value / 10 | (value % 10) << 8 | 0x3030 }
}

/// A date of the proleptic Gregorian calendar.
public struct CivilDate: Hashable, Sendable {
    public var year: Int64
    public var month: Int64
    public var day: Int64

    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days from and to civil.
    public init(daysSinceEpoch: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}

extension Int64 {
    func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

/// The decimal digits of a non-negative `value`, zero-padded to `width`.
public func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
