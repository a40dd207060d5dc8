public import Core
internal import Synchronization

/// How often something may happen: `count` times within any `seconds`.
public struct RateLimit: Hashable, Sendable {
    public var count: Int
    public var seconds: Double

    public init(count: Int, seconds: Double = 60) {
        self.count = count
        self.seconds = seconds
    }
}

/// A sliding window per key, as a weighted sum of the present and the previous fixed window.
///
/// The estimate is exact for evenly spread requests and never lets more than `2 × count − 1` through in one
/// window. Keys idle for two windows are forgotten; `keysMax` bounds the memory.
public final class RateLimiter: Sendable {
    public static let keysMaxDefault = 100_000

    public let limit: RateLimit
    private let keysMax: Int
    private let time: any TimeSource
    private let windowMilliseconds: Int64

    private struct Window {
        var number: Int64
        var count: Int64 = 0
        var previous: Int64 = 0

        mutating func move(to present: Int64) {
            guard number != present else { return }
            previous = number == present - 1 ? count : 0
            count = 0
            number = present
        }
    }
    private struct State {
        var windows: [String: Window] = [:]
        /// The window of the last purge: within one, no further key becomes idle.
        var purged = Int64.min
    }
    private let state = Mutex(State())

    public init(_ limit: RateLimit, time: any TimeSource, keysMax: Int = keysMaxDefault) {
        precondition(limit.count > 0 && limit.seconds >= 0.001)
        self.limit = limit
        self.keysMax = keysMax
        self.time = time
        windowMilliseconds = Int64(limit.seconds * 1000)
    }

    /// Counts one request of `key`, if it may pass.
    /// - Returns: `nil` if it may pass, else the whole seconds after which the next one may.
    public func admit(_ key: String) -> Int? {
        let (number, elapsed) = now()
        return state.withLock { state in
            if state.windows[key] == nil, !hasRoom(&state, at: number) {
                // Under a flood of fresh keys, refusing the newcomers keeps those already seen.
                return Self.wholeSeconds(windowMilliseconds - elapsed)
            }
            var window = state.windows[key] ?? Window(number: number)
            window.move(to: number)
            let wait = delay(window, elapsed)
            if wait == 0 { window.count += 1 }
            state.windows[key] = window
            return wait == 0 ? nil : Self.wholeSeconds(wait)
        }
    }

    /// What `admit` would say of a key already seen, without counting; a key never seen may pass.
    public func secondsUntilAdmitted(_ key: String) -> Int? {
        let (number, elapsed) = now()
        guard var window = state.withLock({ $0.windows[key] }) else { return nil }
        window.move(to: number)
        let wait = delay(window, elapsed)
        return wait == 0 ? nil : Self.wholeSeconds(wait)
    }

    private func now() -> (window: Int64, elapsed: Int64) {
        let milliseconds = time.now().milliseconds
        return (milliseconds / windowMilliseconds, milliseconds % windowMilliseconds)
    }

    private func hasRoom(_ state: inout State, at number: Int64) -> Bool {
        if state.windows.count >= keysMax, state.purged != number {
            state.purged = number
            state.windows = state.windows.filter { $0.value.number >= number - 1 }
        }
        return state.windows.count < keysMax
    }

    /// Milliseconds until one more request passes: `previous × share still in view + count + 1 ≤ limit`, in integers
    /// so that it holds to the millisecond.
    private func delay(_ window: Window, _ elapsed: Int64) -> Int64 {
        let limit = Int64(limit.count)
        if window.count < limit {
            return max(0, fallen(window.previous, to: limit - window.count - 1) - elapsed)
        }
        // Only in the next window, where this one's count is the previous.
        return windowMilliseconds - elapsed + fallen(window.count, to: limit - 1)
    }

    /// How far into a window no more than `room` of the previous one's `count` is carried.
    private func fallen(_ count: Int64, to room: Int64) -> Int64 {
        count <= room ? 0 : windowMilliseconds - room * windowMilliseconds / count
    }

    private static func wholeSeconds(_ milliseconds: Int64) -> Int { max(1, Int((milliseconds + 999) / 1000)) }
}
