internal import Glibc
internal import Synchronization

/// Where wall-clock time comes from: the system in production, a hand-moved clock in tests.
public protocol TimeSource: Sendable {
    func now() -> Timestamp
}

/// CLOCK_REALTIME.
public struct SystemTime: TimeSource {
    public init() {}

    public func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

/// A clock that moves only when told to.
public final class ManualTime: TimeSource {
    private let current: Mutex<Timestamp>

    public init(_ start: Timestamp = Timestamp(milliseconds: 1_767_225_600_000)) { current = Mutex(start) }

    public func now() -> Timestamp { current.withLock { $0 } }

    public func advance(seconds: Double) { current.withLock { $0 = $0.adding(seconds: seconds) } }
}

/// CLOCK_MONOTONIC in nanoseconds: for durations and timers, never for dates.
public func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
