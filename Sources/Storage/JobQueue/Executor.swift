public import Core
public import Database

/// The executor's numbers; each is a default that the configuration may change.
public struct ExecutorLimits: Sendable {
    /// Tasks that run at once in this process.
    public var slots = 1
    /// How often the queue is looked at without being woken.
    public var pollSeconds: Double = 1
    /// How often leases are extended and cancellations noticed without being woken.
    public var heartbeatSeconds: Double = 5
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

/// The visible pipeline: wake or poll → heartbeat → rescue → claim → run.
///
/// A handler settles its claim itself, in its own transaction. Its flag is raised when the task is cancelled, lost, too
/// late or the process ends: `claim.stopReason` says which. What a handler leaves unsettled falls to `rescue`.
public final class Executor: Sendable {
    public typealias Handler = @Sendable (Claim, CancellationFlag) async -> Void

    public init(
        database: any Database, queue: JobQueue, worker: WorkerIdentity, kinds: [String],
        limits: ExecutorLimits = ExecutorLimits(), hooks: ExecutorHooks = ExecutorHooks(), handler: @escaping Handler
    ) {
        fatalError("next commit")
    }

    /// Takes over what a dead predecessor held, then begins to work.
    public func start() { fatalError("next commit") }

    /// Says that there may be something to claim, or to cancel. Costs nothing to repeat.
    public func wake() { fatalError("next commit") }

    /// Claims nothing more, lets handlers finish for the grace period, then stops them and gives back their tasks.
    public func shutdown(graceSeconds: Double) async { fatalError("next commit") }
}
