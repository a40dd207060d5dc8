/// The queue's numbers; those that an operator may want to change are keys of the configuration.
public struct QueueLimits: Sendable {
    public var leaseSeconds: Double = 30
    /// Failures beyond the first attempt that are tried again.
    public var retriesMax = 2
    /// This many deaths of workers on one task end it as failed.
    public var deathsMax = 5
    /// Tasks of one fairness key that run at once.
    public var runningPerKeyMax = 2
    /// The pause after the first failure; it doubles with each further one, up to `backoffSecondsMax`.
    public var backoffSeconds: Double = 2
    public var backoffSecondsMax: Double = 300
    /// The share of the pause that is random, decided by `jitterSeed`, the task and its failures.
    public var jitterShare: Double = 0.2
    public var jitterSeed: UInt64 = 0
    public var payloadBytesMax = 65_536
    public var identifierBytesMax = 200
    /// Tasks that one `rescue` handles; the next one takes the rest.
    public var rescueBatchMax = 500

    public init() {}

    /// Seconds to wait after the given failure, the first being 1: within `jitterShare` around the doubling pause.
    public func backoff(task: String, failures: Int) -> Double {
        var pause = backoffSeconds
        for _ in 1..<max(failures, 1) where pause < backoffSecondsMax { pause *= 2 }
        let share = Self.unit(seed: jitterSeed, task: task, failures: failures) * 2 - 1
        return min(pause, backoffSecondsMax) * (1 + jitterShare * share)
    }

    /// A number in 0..<1, the same for the same inputs: FNV-1a over them, finished as in SplitMix64.
    private static func unit(seed: UInt64, task: String, failures: Int) -> Double {
        var hash = 0xCBF2_9CE4_8422_2325 ^ seed &+ UInt64(failures)
        for byte in task.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return Double((hash ^ hash >> 31) >> 11) / 9_007_199_254_740_992
    }
}
