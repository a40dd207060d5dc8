public import Database

/// The executor's numbers; those that an operator may want to change are keys of the configuration.
public struct ExecutorLimits: Sendable {
    /// Tasks that run at once in this process.
    public var slots = 1
    /// How often the queue is looked at without being woken.
    public var pollSeconds: Double = 2
    /// How often leases are extended and cancellations noticed without being woken.
    public var heartbeatSeconds: Double = 10
    /// How often tasks of vanished workers are looked for.
    public var rescueSeconds: Double = 2
    /// How long after the grace period stopped handlers may take to return.
    public var stopSeconds: Double = 5

    public init() {}
}

/// What the executor asks of its owner.
public struct ExecutorHooks: Sendable {
    /// In the claiming transaction: marks the claimed work as running.
    public var claimed: @Sendable ([Claim], any DatabaseConnection) async throws -> Void = { _, _ in }
    /// In the rescuing transaction: settles what ended, records what was requeued.
    public var rescued: @Sendable (RescueReport, any DatabaseConnection) async throws -> Void = { _, _ in }
    /// Seconds that an attempt may take.
    public var deadlineSeconds: @Sendable (Claim) -> Double = { _ in 600 }
    /// Hears of errors, which the next poll retries.
    public var failed: @Sendable (any Error) -> Void = { _ in }

    public init() {}
}
