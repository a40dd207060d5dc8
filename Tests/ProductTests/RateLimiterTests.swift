import Core
import Studio
import Support
import Testing

@testable import API

extension RateLimiter {
    fileprivate func admits(_ key: String) -> Bool { if case .admitted = admit(key) { true } else { false } }
}

struct RateLimiterTests {
    @Test func `the limit passes, each is told what remains, and the next when to come back`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit("test", count: 3), time: time)
        #expect(limiter.admit("a") == .admitted(remaining: 2, seconds: 60))
        time.advance(seconds: 10)
        #expect(limiter.admit("a") == .admitted(remaining: 1, seconds: 50))
        #expect(limiter.admit("a") == .admitted(remaining: 0, seconds: 50))
        time.advance(seconds: 0.001)
        #expect(limiter.admit("a") == .refused(seconds: 50))
        time.advance(seconds: 49.999)
        #expect(limiter.admit("a") == .admitted(remaining: 0, seconds: 10))
        #expect(limiter.admit("a") == .refused(seconds: 10))
    }

    /// The contract itself, against every admission remembered.
    @Test(arguments: [1, 2, 7, 63, 64, 65, 100, 1000], 1...4 as ClosedRange<UInt64>)
    func `no window of any place ever holds more than the limit`(count: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let window: Int64 = 60_000
        var log = SlidingWindow()
        var admitted: [Int64] = []
        var now: Int64 = Int64(UInt32.max) - 100_000  // The 32 bits of the log wrap around on the way.
        while admitted.count < count * 6 {
            let pause = Int(window) * 2 / count
            now += Int64.random(in: 0...Int64(Bool.random(using: &generator) ? pause : pause / 8), using: &generator)
            for _ in 0..<Int.random(in: 1...max(1, count / 4), using: &generator) {
                guard case .admitted = log.admit(at: now, count: count, window: window) else { break }
                admitted.append(now)
            }
        }
        for index in admitted.indices.dropFirst(count) {
            #expect(admitted[index] - admitted[index - count] >= window, "seed \(seed), admission \(index)")
        }
    }

    @Test(arguments: [10, 64, 600, 6000])
    func `a client that keeps the limit's own pace is slowed by no more than a 64th`(count: Int) {
        let window: Int64 = 60_000
        var log = SlidingWindow()
        let allowed = count <= SlidingWindow.runsMax ? window : window + window / Int64(SlidingWindow.runsMax)
        for index in 0..<(count * 5) {
            let decision = log.admit(at: Int64(index) * allowed / Int64(count), count: count, window: window)
            guard case .admitted = decision else {
                Issue.record("refused at \(index)")
                return
            }
        }
    }

    @Test(arguments: 1...40)
    func `who waits as long as told is admitted, who waits less is not`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let time = ManualTime()
        let limit = RateLimit("test", count: Int.random(in: 1...200, using: &generator))
        let limiter = RateLimiter(limit, time: time)
        var refusals = 0
        while refusals < 50 {
            time.advance(seconds: Double(Int.random(in: 0...(80_000 / limit.count), using: &generator)) / 1000)
            guard case .refused(let seconds) = limiter.admit("a") else { continue }
            refusals += 1
            #expect(limiter.secondsUntilAdmitted("a") == seconds)
            try #require(seconds >= 1)
            if Bool.random(using: &generator) { continue }
            time.advance(seconds: Double(seconds - 1))
            if seconds > 1 { #expect(limiter.admit("a") == .refused(seconds: 1), "told \(seconds)") }
            time.advance(seconds: 1)
            #expect(limiter.secondsUntilAdmitted("a") == nil)
            #expect(limiter.admits("a"), "limit \(limit.count), told \(seconds)")
        }
    }

    @Test func `asking does not count`() {
        let limiter = RateLimiter(RateLimit("test", count: 1), time: ManualTime())
        for _ in 1...10 { #expect(limiter.secondsUntilAdmitted("a") == nil) }
        #expect(limiter.admits("a"))
        #expect(limiter.secondsUntilAdmitted("a") == 60)
        #expect(limiter.secondsUntilAdmitted("b") == nil)
    }

    @Test func `keys do not share a budget`() {
        let limiter = RateLimiter(RateLimit("test", count: 1), time: ManualTime())
        #expect(limiter.admits("a"))
        #expect(limiter.admits("b"))
        #expect(!limiter.admits("a"))
    }

    @Test func `a refused request does not count`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit("test", count: 1), time: time)
        #expect(limiter.admits("a"))
        for _ in 1...100 { #expect(!limiter.admits("a")) }
        time.advance(seconds: 60)
        #expect(limiter.admits("a"))
    }

    @Test(arguments: [-86_400, 86_400] as [Int64]) func `setting the clock moves no window`(seconds: Int64) {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit("test", count: 1), time: time)
        #expect(limiter.admits("a"))
        time.setWallClock(time.now().adding(seconds: Double(seconds)))
        #expect(limiter.admit("a") == .refused(seconds: 60))
    }

    @Test func `a key that was silent for months is a new one`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit("test", count: 1), time: time)
        #expect(limiter.admits("a"))
        // Exactly once around the 32 bits of a log's times.
        time.advance(seconds: Double(UInt64(1) << 32) / 1000)
        #expect(limiter.admits("a"))
    }

    @Test func `a flood of keys takes nothing from those already seen and does not lock newcomers out`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit("test", count: 2), time: time, keysMax: 10)
        for key in 1...10 { #expect(limiter.admits("\(key)")) }
        for key in 1...100 { _ = limiter.admits("flood \(key)") }
        for key in 1...10 { #expect(limiter.admits("\(key)")) }
        // Of 4096 shared windows the flood used up a few at most.
        let passed = (1...50).filter { limiter.admits("newcomer \($0)") }.count
        #expect(passed >= 40)
    }

    @Test func `keys that share windows pass no more than the limit, also when they get one of their own`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit("test", count: 2), time: time, keysMax: 1)
        #expect(limiter.admits("first"))
        time.advance(seconds: 50)
        #expect(limiter.admits("late"))
        #expect(limiter.admits("late"))
        #expect(!limiter.admits("late"))
        time.advance(seconds: 10)
        // The first key's window is empty and becomes the late one's, with what it was admitted.
        #expect(limiter.admit("late") == .refused(seconds: 50))
    }

    @Test func `the windows of silent keys are used again, in the order of their last admission`() {
        let time = ManualTime()
        let limiter = RateLimiter(RateLimit("test", count: 2), time: time, keysMax: 3)
        for key in ["a", "b", "c"] { #expect(limiter.admits(key)) }
        time.advance(seconds: 30)
        #expect(limiter.admits("a"))
        #expect(limiter.admits("c"))
        time.advance(seconds: 30)
        #expect(limiter.admits("d"))  // Takes b's window.
        for key in ["a", "c"] {
            #expect(limiter.admits(key))
            #expect(!limiter.admits(key))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a full table costs a new key no search`() {
        let limiter = RateLimiter(RateLimit("test", count: 1), time: ManualTime())
        for key in 1...RateLimiter.keysMaxDefault { _ = limiter.admit("\(key)") }
        let passed = (1...200_000).filter { limiter.admits("newcomer \($0)") }.count
        #expect(passed <= RateLimiter.sharedWindows)
    }
}
