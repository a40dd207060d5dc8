internal import Core
internal import Glibc
internal import Synchronization

/// Adds up what each stage takes, from any thread.
final class StageClock: Sendable {
    private let sums = Mutex(StageTimings())

    var timings: StageTimings { sums.withLock { $0 } }

    /// Runs `body` and charges the calling thread's time to `stage`.
    func measure<Value: ~Copyable, Failure: Error>(
        _ stage: StageTimings.Stage, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let start = Self.now()
        defer { add(Self.now(since: start), to: stage) }
        return try body()
    }

    func add(_ time: StageTime, to stage: StageTimings.Stage) {
        sums.withLock { $0[stage] += time }
    }

    private static func now() -> (wall: UInt64, cpu: UInt64) {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return (monotonicNanoseconds(), UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    private static func now(since start: (wall: UInt64, cpu: UInt64)) -> StageTime {
        let end = now()
        return StageTime(
            wallSeconds: Double(end.wall - start.wall) / 1e9, cpuSeconds: Double(end.cpu - start.cpu) / 1e9)
    }
}

/// 20·log₁₀ of an amplitude ratio.
func decibels(_ ratio: Float) -> Double { 20 * log10(Double(ratio)) }
