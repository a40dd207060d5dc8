import API
import Core
import Studio
import Support
import Testing

struct RateLimiterTests {
    @Test func `the limit passes and the next is told when to come back`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit(count: 3), time: time)
        for _ in 1...3 { #expect(limiter.admit("a") == nil) }
        // Of the full window no more than two thirds may be in view: from 20 s into the next one on.
        #expect(limiter.admit("a") == 80)
        time.advance(seconds: 20)
        #expect(limiter.admit("a") == 60)
    }

    @Test(arguments: 1...40)
    func `who waits as long as told is admitted, who waits less is not`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let time = ManualTime()
        let limit = RateLimit(count: Int.random(in: 1...20, using: &generator))
        let limiter = RateLimiter(limit, time: time)
        var refusals = 0
        while refusals < 50 {
            time.advance(seconds: Double(Int.random(in: 0...8000, using: &generator)) / 1000)
            guard let seconds = limiter.admit("a") else { continue }
            refusals += 1
            #expect(limiter.secondsUntilAdmitted("a") == seconds)
            try #require(seconds >= 1)
            if Bool.random(using: &generator) { continue }
            time.advance(seconds: Double(seconds - 1))
            if seconds > 1 { #expect(limiter.admit("a") == 1, "limit \(limit.count), told \(seconds)") }
            time.advance(seconds: 1)
            #expect(limiter.secondsUntilAdmitted("a") == nil)
            #expect(limiter.admit("a") == nil, "limit \(limit.count), told \(seconds)")
        }
    }

    @Test func `asking does not count`() {
        let limiter = RateLimiter(RateLimit(count: 1), time: ManualTime())
        for _ in 1...10 { #expect(limiter.secondsUntilAdmitted("a") == nil) }
        #expect(limiter.admit("a") == nil)
        #expect(limiter.secondsUntilAdmitted("a") == limiter.admit("a"))
        #expect(limiter.secondsUntilAdmitted("b") == nil)
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

    @Test(.timeLimit(.minutes(1))) func `a full table is not searched at every new key`() {
        let limiter = RateLimiter(RateLimit(count: 1), time: ManualTime())
        for key in 1...RateLimiter.keysMaxDefault { _ = limiter.admit("\(key)") }
        for key in 1...20_000 { #expect(limiter.admit("newcomer \(key)") != nil) }
    }
}
