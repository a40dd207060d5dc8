import Testing

@testable import Reactor

@Suite struct TimerQueueTests {
    @Test func `timers come due in the order of their deadlines, equal ones as added`() {
        var queue = TimerQueue<Int>()
        var generator = SeededGenerator(seed: 7)
        let deadlines = (0..<500).map { _ in UInt64.random(in: 0..<50, using: &generator) }
        for (index, deadline) in deadlines.enumerated() { _ = queue.add(deadline: deadline, index) }
        var fired: [Int] = []
        for now in UInt64(0)..<50 {
            while let index = queue.popDue(at: now) {
                #expect(deadlines[index] == now)
                fired.append(index)
            }
        }
        #expect(fired == deadlines.indices.sorted { (deadlines[$0], $0) < (deadlines[$1], $1) })
        #expect(queue.nextDeadline() == nil)
    }

    @Test func `a cancelled timer never comes due`() {
        var queue = TimerQueue<String>()
        let first = queue.add(deadline: 1, "first")
        _ = queue.add(deadline: 2, "second")
        queue.cancel(first)
        queue.cancel(first)
        #expect(queue.nextDeadline() == 2)
        #expect(queue.popDue(at: 10) == "second")
        #expect(queue.popDue(at: 10) == nil)
    }

    @Test func `nothing comes due before its deadline`() {
        var queue = TimerQueue<Int>()
        _ = queue.add(deadline: 5, 0)
        #expect(queue.popDue(at: 4) == nil)
        #expect(queue.popDue(at: 5) == 0)
    }

    @Test func `memory follows the timers that live`() {
        var queue = TimerQueue<Int>()
        let kept = queue.add(deadline: 1_000_000, -1)
        for index in 0..<10_000 { queue.cancel(queue.add(deadline: UInt64(index), index)) }
        #expect(queue.count == 1)
        #expect(queue.entryCount <= 65)
        queue.cancel(kept)
        #expect(queue.nextDeadline() == nil)
    }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
