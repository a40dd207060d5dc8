import Core
import Testing

struct TimeSourceTests {
    @Test func `setting the clock does not make time pass`() {
        let time = ManualTime()
        time.advance(seconds: 1.5)
        time.setWallClock(Timestamp(milliseconds: 0))
        #expect(time.uptimeMilliseconds() == 1500)
        #expect(time.now() == Timestamp(milliseconds: 0))
    }

    @Test func `the system's uptime never falls`() {
        let time = SystemTime()
        var last = time.uptimeMilliseconds()
        for _ in 1...1000 {
            let next = time.uptimeMilliseconds()
            #expect(next >= last)
            last = next
        }
    }
}
