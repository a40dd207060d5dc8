import API
import Core
import Studio
import Testing

struct RateLimiterTests {
    @Test func `the limit passes and the next is told when to come back`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit(count: 3), time: time)
        for _ in 1...3 { #expect(limiter.admit("a") == nil) }
        #expect(limiter.admit("a") == 60)
        time.advance(seconds: 20)
        #expect(limiter.admit("a") == 40)
    }

    @Test func `keys do not share a budget`() {
        let limiter = RateLimiter(RateLimit(count: 1), time: ManualTime())
        #expect(limiter.admit("a") == nil)
        #expect(limiter.admit("b") == nil)
        #expect(limiter.admit("a") != nil)
    }

    @Test func `the previous window counts by the share of it that is still in view`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit(count: 4), time: time)
        for _ in 1...4 { #expect(limiter.admit("a") == nil) }
        time.advance(seconds: 90)  // Half of the full window is still in view: two may pass.
        #expect(limiter.admit("a") == nil)
        #expect(limiter.admit("a") == nil)
        #expect(limiter.admit("a") != nil)
    }

    @Test func `a refused request does not count`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit(count: 1), time: time)
        #expect(limiter.admit("a") == nil)
        for _ in 1...100 { #expect(limiter.admit("a") != nil) }
        time.advance(seconds: 120)
        #expect(limiter.admit("a") == nil)
    }

    @Test func `a flood of keys is bounded and does not push out those already seen`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit(count: 2), time: time, keysMax: 10)
        for key in 1...10 { #expect(limiter.admit("\(key)") == nil) }
        #expect(limiter.admit("newcomer") != nil)
        #expect(limiter.admit("1") == nil)
        time.advance(seconds: 180)
        #expect(limiter.admit("newcomer") == nil)
    }
}
