public import Core

/// Dates of HTTP fields, to the second (RFC 9110 §5.6.7).
public enum HTTPDate {
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let longWeekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`.
    public static func format(_ time: Timestamp) -> String {
        let seconds = wholeSeconds(time)
        let days = seconds.floorDivided(86_400)
        let ofDay = seconds - days * 86_400
        let date = CivilDate(daysSinceEpoch: days)
        // 1970-01-01 was a Thursday.
        let weekday = weekdays[Int((days + 4) - (days + 4).floorDivided(7) * 7)]
        let clock = "\(padded(ofDay / 3600, 2)):\(padded(ofDay / 60 % 60, 2)):\(padded(ofDay % 60, 2))"
        return "\(weekday), \(padded(date.day, 2)) \(months[Int(date.month) - 1]) \(padded(date.year, 4)) \(clock) GMT"
    }

    /// Reads the three forms a recipient must accept: IMF-fixdate, RFC 850 and asctime. `nil` for anything else.
    /// - Parameter now: settles the century of RFC 850's two digits: more than 50 years ahead means the past.
    public static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        if words.count == 6, weekdays.contains(where: { words[0] == $0 + "," }), words[5] == "GMT" {
            return time(year: digits(words[3], 4), month: words[2], day: digits(words[1], 2), clock: words[4])
        }
        if words.count == 4, longWeekdays.contains(where: { words[0] == $0 + "," }), words[3] == "GMT" {
            let parts = words[1].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, let short = digits(parts[2], 2) else { return nil }
            let year = fullYear(short, now: now)
            return time(year: year, month: parts[1], day: digits(parts[0], 2), clock: words[2])
        }
        return asctime(words)
    }

    /// `Sun Nov  6 08:49:37 1994`: the day is padded with a space, which splits into an empty word.
    private static func asctime(_ words: [String]) -> Timestamp? {
        guard words.count >= 5, weekdays.contains(words[0]) else { return nil }
        let isPadded = words.count == 6 && words[2].isEmpty
        guard words.count == (isPadded ? 6 : 5), let year = words.last else { return nil }
        let day = isPadded ? digits(words[3], 1) : digits(words[2], 2)
        return time(year: digits(year, 4), month: words[1], day: day, clock: words[words.count - 2])
    }

    private static func fullYear(_ short: Int64, now: Timestamp) -> Int64 {
        let current = CivilDate(daysSinceEpoch: wholeSeconds(now).floorDivided(86_400)).year
        let year = current - current % 100 + short
        return year > current + 50 ? year - 100 : year
    }

    private static func time(year: Int64?, month: String, day: Int64?, clock: String) -> Timestamp? {
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard let year, let day, let monthIndex = months.firstIndex(of: month), parts.count == 3,
            let hour = digits(parts[0], 2), let minute = digits(parts[1], 2), let second = digits(parts[2], 2),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = daysSinceEpoch(year: year, month: Int64(monthIndex) + 1, day: day)
        let date = CivilDate(daysSinceEpoch: days)
        // A day that the month lacks turns up in another month.
        guard date.month == Int64(monthIndex) + 1 else { return nil }
        return Timestamp(milliseconds: (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000)
    }

    private static func digits(_ text: String, _ count: Int) -> Int64? {
        guard text.utf8.count == count, text.utf8.allSatisfy(\.isDigit) else { return nil }
        return Int64(text)
    }

    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floorDivided(400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// HTTP dates have no fraction: comparisons are made on whole seconds.
    static func wholeSeconds(_ time: Timestamp) -> Int64 { time.milliseconds.floorDivided(1000) }
}

extension Int64 {
    fileprivate func floorDivided(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
