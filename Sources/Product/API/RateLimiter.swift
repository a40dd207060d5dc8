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

    private struct Window {
        var number: Int64
        var count: Int
        var previous: Int
    }
    private let windows = Mutex<[String: Window]>([:])

    public init(_ limit: RateLimit, time: any TimeSource, keysMax: Int = keysMaxDefault) {
        precondition(limit.count > 0 && limit.seconds > 0)
        self.limit = limit
        self.keysMax = keysMax
        self.time = time
    }

    /// Counts one request of `key`.
    /// - Returns: `nil` if it may pass, else the whole seconds after which the next one may.
    public func admit(_ key: String) -> Int? {
        let now = Double(time.now().milliseconds) / 1000
        let number = Int64(now / limit.seconds)
        let elapsed = now - Double(number) * limit.seconds
        return windows.withLock { windows in
            if windows.count >= keysMax, windows[key] == nil {
                windows = windows.filter { $0.value.number >= number - 1 }
                // Under a flood of fresh keys, refusing the newcomers keeps those already seen.
                if windows.count >= keysMax { return Int(limit.seconds.rounded(.up)) }
            }
            var window = windows[key] ?? Window(number: number, count: 0, previous: 0)
            if window.number != number {
                window.previous = window.number == number - 1 ? window.count : 0
                window.count = 0
                window.number = number
            }
            let carried = Double(window.previous) * (1 - elapsed / limit.seconds)
            guard carried + Double(window.count) + 1 <= Double(limit.count) else {
                windows[key] = window
                return max(1, Int((limit.seconds - elapsed).rounded(.up)))
            }
            window.count += 1
            windows[key] = window
            return nil
        }
    }
}
