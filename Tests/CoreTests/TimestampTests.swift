import Core
import Testing

@Suite struct TimestampTests {
    // The milliseconds are those of `date --utc --date=… +%s`.
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_078_012_799_999, "2004-02-28T23:59:59.999Z"), (1_078_012_800_000, "2004-02-29T00:00:00.000Z"),
        (1_767_225_600_000, "2026-01-01T00:00:00.000Z"), (1_798_761_599_000, "2026-12-31T23:59:59.000Z"),
        (4_107_456_000_000, "2100-02-28T00:00:00.000Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
        (-2_208_988_800_000, "1900-01-01T00:00:00.000Z"), (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
    ])
    func `known moments are written as RFC 3339`(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test func `days follow one another over four centuries`() {
        var previous = CivilDate(daysSinceEpoch: -80_000)
        for day in Int64(-79_999)...80_000 {
            let date = CivilDate(daysSinceEpoch: day)
            let isNext =
                date.day == previous.day + 1 && date.month == previous.month && date.year == previous.year
                || date.day == 1 && date.month == previous.month + 1 && date.year == previous.year
                || date.day == 1 && date.month == 1 && previous.month == 12 && date.year == previous.year + 1
            if !isNext { Issue.record("\(previous) is followed by \(date)") }
            previous = date
        }
    }

    @Test func `seconds are added and measured in both directions, rounded to a millisecond`() {
        let start = Timestamp(milliseconds: 1000)
        #expect(start.adding(seconds: 1.2345).milliseconds == 2235)
        #expect(start.adding(seconds: -2).milliseconds == -1000)
        #expect(start.adding(seconds: 2.5).seconds(since: start) == 2.5)
        #expect(start.seconds(since: start.adding(seconds: 2.5)) == -2.5)
        #expect(start < start.adding(seconds: 0.001))
    }

    @Test func `a manual clock moves only when told to`() {
        let clock = ManualTime(Timestamp(milliseconds: 5))
        #expect(clock.now() == clock.now())
        clock.advance(seconds: 60)
        #expect(clock.now().milliseconds == 60_005)
    }

    @Test func `the monotonic clock never goes back`() {
        let readings = (0..<1000).map { _ in monotonicNanoseconds() }
        #expect(readings == readings.sorted())
    }

    @Test func `a time beyond all calendars stays at the end of them`() {
        let time = Timestamp(milliseconds: 0)
        for seconds in [1e300, Double.infinity] {
            #expect(time.adding(seconds: seconds).milliseconds == .max)
            #expect(time.adding(seconds: -seconds).milliseconds == .min)
        }
        #expect(Timestamp(milliseconds: .max).adding(seconds: 1).milliseconds == .max)
    }
}
