internal import Glibc
internal import Synchronization

/// Where time comes from: the system in production, a hand-moved clock in tests.
public protocol TimeSource: Sendable {
    /// The wall clock: for dates. It may be set, back too.
    func now() -> Timestamp

    /// Milliseconds since some moment, never fewer than before: for windows and durations.
    func uptimeMilliseconds() -> Int64

    /// Returns when so much time has passed, or the task is canceled.
    func pause(seconds: Double) async
}

extension TimeSource {
    /// By the system's clock, also for a source that is moved by hand: who waits for that one looks at it again.
    public func pause(seconds: Double) async { try? await Task.sleep(for: .seconds(max(0, seconds))) }
}

/// CLOCK_REALTIME, and CLOCK_MONOTONIC for the uptime.
public struct SystemTime: TimeSource {
    public init() {}

    public func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    public func uptimeMilliseconds() -> Int64 { Int64(monotonicNanoseconds() / 1_000_000) }
}

/// A clock that moves only when told to.
public final class ManualTime: TimeSource {
    private struct State {
        var wall: Timestamp
        var uptime: Int64 = 0
    }
    private let state: Mutex<State>

    public init(_ start: Timestamp = Timestamp(milliseconds: 1_767_225_600_000)) { state = Mutex(State(wall: start)) }

    public func now() -> Timestamp { state.withLock { $0.wall } }

    public func uptimeMilliseconds() -> Int64 { state.withLock { $0.uptime } }

    /// Time passes.
    public func advance(seconds: Double) {
        state.withLock { state in
            let moved = state.wall.adding(seconds: seconds)
            state.uptime += moved.milliseconds - state.wall.milliseconds
            state.wall = moved
        }
    }

    /// Somebody sets the clock, without time passing.
    public func setWallClock(_ wall: Timestamp) { state.withLock { $0.wall = wall } }
}

/// CLOCK_MONOTONIC in nanoseconds: for durations and timers, never for dates.
public func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
