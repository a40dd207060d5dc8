import Core
import HTTP
import Testing

private let example = Timestamp(milliseconds: 784_111_777_000)
private let now = Timestamp(milliseconds: 1_767_225_600_000)  // 2026-01-01

struct HTTPDateTests {
    @Test(arguments: [
        // The RFC's own example, in its three forms.
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ])
    func `the three forms are read`(_ text: String) {
        // RFC 9110 §5.6.7
        #expect(HTTPDate.parse(text, now: now) == example)
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (4_102_444_799_000, "Thu, 31 Dec 2099 23:59:59 GMT"),
    ])
    func `a date is written as IMF-fixdate`(_ milliseconds: Int64, _ text: String) {
        // Expected texts: date -u -d @seconds.
        #expect(HTTPDate.format(Timestamp(milliseconds: milliseconds)) == text)
    }

    @Test func `what is written is read back, across 800 years`() {
        for day in stride(from: Int64(-146_000), to: 146_000, by: 59) {
            let time = Timestamp(milliseconds: day * 86_400_000 + 12_345_000)
            #expect(HTTPDate.parse(HTTPDate.format(time), now: now) == time)
        }
    }

    @Test func `two digits of a year mean the past if they would lie more than 50 years ahead`() {
        #expect(
            HTTPDate.parse("Wednesday, 01-Jan-76 00:00:00 GMT", now: now)
                == HTTPDate.parse("Wed, 01 Jan 2076 00:00:00 GMT", now: now))
        #expect(
            HTTPDate.parse("Saturday, 01-Jan-77 00:00:00 GMT", now: now)
                == HTTPDate.parse("Sat, 01 Jan 1977 00:00:00 GMT", now: now))
    }

    @Test(arguments: [
        "", "x", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT", "Tue, 30 Feb 2021 00:00:00 GMT", "Mon, 29 Feb 2021 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
    ])
    func `anything else is no date`(_ text: String) { #expect(HTTPDate.parse(text, now: now) == nil) }
}
