public import Core
internal import Synchronization

/// How often something may happen: `count` times within any `seconds`.
public struct RateLimit: Hashable, Sendable {
    /// What clients read it is called: a token of letters and dashes.
    public var name: String
    public var count: Int
    public var seconds: Int

    public init(_ name: String, count: Int, seconds: Int = 60) {
        self.name = name
        self.count = count
        self.seconds = seconds
    }
}

/// What a limiter says of one request.
public enum Admission: Hashable, Sendable {
    /// - Parameters:
    ///   - remaining: how many more pass at once.
    ///   - seconds: until more do, rounded up.
    case admitted(remaining: Int, seconds: Int)
    /// - Parameter seconds: after which one is admitted, rounded up, at least 1.
    case refused(seconds: Int)
}

/// A sliding window per key: never more than the limit within any stretch of its length (`SlidingWindow`).
///
/// Every call takes the same time, however many keys there are. At most `keysMax` keys have a window of their own, and
/// one gives it up only when it is empty. In a flood of more keys than that the late ones share windows, by a hash that
/// nobody can foretell: those already seen lose nothing, and newcomers still get through. Windows move by the uptime:
/// setting the clock moves none.
public final class RateLimiter: Sendable {
    public static let keysMaxDefault = 100_000
    /// Windows that the keys beyond `keysMax` share.
    static let sharedWindows = 4096

    public let limit: RateLimit
    /// The value of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10 §3.1).
    public let policy: String
    private let keysMax: Int
    private let time: any TimeSource
    private let milliseconds: Int64

    /// One key's window, in a list by the time of the last admission.
    private struct Slot {
        var key: String
        var window: SlidingWindow
        var older: Int
        var newer: Int
    }
    private struct State {
        var places: [String: Int] = [:]
        var slots: [Slot] = []
        var oldest = -1
        var newest = -1
        var shared: [SlidingWindow] = []
    }
    private let state = Mutex(State())

    public init(_ limit: RateLimit, time: any TimeSource, keysMax: Int = keysMaxDefault) {
        precondition(limit.count > 0 && (1...604_800).contains(limit.seconds) && keysMax > 0)
        self.limit = limit
        policy = "\"\(limit.name)\";q=\(limit.count);w=\(limit.seconds)"
        self.keysMax = keysMax
        self.time = time
        milliseconds = Int64(limit.seconds) * 1000
    }

    /// Counts one request of `key`, if it may pass.
    public func admit(_ key: String) -> Admission {
        let now = time.uptimeMilliseconds()
        let decision = state.withLock { state -> SlidingWindow.Decision in
            // Often the same caller asks again, and a look is cheaper than a hash.
            let isNewest = state.newest >= 0 && state.slots[state.newest].key == key
            let known = isNewest ? state.newest : state.places[key]
            guard let place = known ?? newPlace(for: key, &state, now) else {
                return state.shared[Self.sharedPlace(key)].admit(at: now, count: limit.count, window: milliseconds)
            }
            let decision = state.slots[place].window.admit(at: now, count: limit.count, window: milliseconds)
            if case .admitted = decision { Self.makeNewest(place, &state) }
            return decision
        }
        return switch decision {
        case .admitted(let remaining, let renewal): .admitted(remaining: remaining, seconds: Self.seconds(renewal))
        case .refused(let wait): .refused(seconds: Self.seconds(wait))
        }
    }

    /// How long `admit` would refuse `key`, without counting: `nil` if it would not.
    public func secondsUntilAdmitted(_ key: String) -> Int? {
        let now = time.uptimeMilliseconds()
        return state.withLock { state in
            guard let window = window(of: key, state) else { return nil }
            let standing = window.standing(at: now, count: limit.count, window: milliseconds)
            return standing.remaining > 0 ? nil : Self.seconds(standing.renewal)
        }
    }

    /// What is left to `key`, without counting: how many pass at once, and in how many seconds more do.
    public func standing(_ key: String) -> (remaining: Int, seconds: Int) {
        let now = time.uptimeMilliseconds()
        return state.withLock { state in
            let standing = window(of: key, state)?.standing(at: now, count: limit.count, window: milliseconds)
            return (standing?.remaining ?? limit.count, Self.seconds(standing?.renewal ?? milliseconds))
        }
    }

    private func window(of key: String, _ state: State) -> SlidingWindow? {
        if let place = state.places[key] { return state.slots[place].window }
        return state.shared.isEmpty ? nil : state.shared[Self.sharedPlace(key)]
    }

    /// The value of a RateLimit field (draft-ietf-httpapi-ratelimit-headers-10 §3.2).
    func field(_ standing: (remaining: Int, seconds: Int)) -> String {
        "\"\(limit.name)\";r=\(standing.remaining);t=\(standing.seconds)"
    }

    /// A slot for a key that has none, or `nil` if all are in use: then `shared` has its windows.
    private func newPlace(for key: String, _ state: inout State, _ now: Int64) -> Int? {
        var place = state.oldest
        if place >= 0, state.slots[place].window.isIdle(at: now, window: milliseconds) {
            state.places[state.slots[place].key] = nil
            state.slots[place].key = key
        } else if state.slots.count < keysMax {
            place = state.slots.count
            state.slots.append(Slot(key: key, window: SlidingWindow(), older: -1, newer: -1))
            Self.append(place, &state)
        } else {
            if state.shared.isEmpty { state.shared = Array(repeating: SlidingWindow(), count: Self.sharedWindows) }
            return nil
        }
        state.places[key] = place
        // What it was admitted while it shared a window still counts.
        state.slots[place].window =
            state.shared.isEmpty ? SlidingWindow() : state.shared[Self.sharedPlace(key)]
        return place
    }

    private static func makeNewest(_ place: Int, _ state: inout State) {
        guard state.newest != place else { return }
        let (older, newer) = (state.slots[place].older, state.slots[place].newer)
        if older >= 0 { state.slots[older].newer = newer } else { state.oldest = newer }
        state.slots[newer].older = older
        append(place, &state)
    }

    private static func append(_ place: Int, _ state: inout State) {
        state.slots[place].older = state.newest
        state.slots[place].newer = -1
        if state.newest >= 0 { state.slots[state.newest].newer = place } else { state.oldest = place }
        state.newest = place
    }

    private static func sharedPlace(_ key: String) -> Int {
        // hashValue is seeded anew in every process.
        Int(UInt(bitPattern: key.hashValue) % UInt(sharedWindows))
    }

    private static func seconds(_ milliseconds: Int64) -> Int { max(1, Int((milliseconds + 999) / 1000)) }
}
