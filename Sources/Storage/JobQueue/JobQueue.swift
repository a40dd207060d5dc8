public import Core
public import Database

/// A durable queue of tasks. It knows no product noun: a task is the caller's identifier, a kind and a payload text.
///
/// Every call works in the caller's transaction, so that a task and what it is about change together.
public struct JobQueue: Sendable {
    public let limits: QueueLimits
    let time: any TimeSource

    public init(time: any TimeSource, limits: QueueLimits = QueueLimits()) {
        self.time = time
        self.limits = limits
    }

    /// Puts a task into the queue. Higher priorities run first; the fairness key (an account) shares turns with
    /// the others of its priority.
    public func enqueue(
        _ taskID: String, kind: String, fairnessKey: String, priority: Int = 0, payload: String,
        runAt: Timestamp? = nil, in connection: any DatabaseConnection
    ) async throws(QueueError) {
        fatalError("next commit")
    }

    /// Takes up to `limit` tasks of these kinds that may run now: by priority, then in turn between the fairness
    /// keys, then by time.
    public func claim(
        worker: WorkerIdentity, kinds: [String], limit: Int, in connection: any DatabaseConnection
    ) async throws(QueueError) -> [Claim] {
        fatalError("next commit")
    }

    /// Extends the lease and tells whether the task is still wanted.
    public func heartbeat(
        _ claim: Claim, in connection: any DatabaseConnection
    ) async throws(QueueError) -> Heartbeat {
        fatalError("next commit")
    }

    /// Ends the task as completed. `false`: the claim was lost, and the caller rolls back.
    public func complete(_ claim: Claim, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        fatalError("next commit")
    }

    /// Ends the task as failed. `false`: the claim was lost, and the caller rolls back.
    public func fail(_ claim: Claim, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        fatalError("next commit")
    }

    /// Ends the task as canceled. `false`: the claim was lost, and the caller rolls back.
    public func markCanceled(_ claim: Claim, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        fatalError("next commit")
    }

    /// Gives a failed attempt back, to run again after `seconds`, or after a growing pause with jitter.
    public func retry(
        _ claim: Claim, after seconds: Double? = nil, in connection: any DatabaseConnection
    ) async throws(QueueError) -> RetryOutcome {
        fatalError("next commit")
    }

    /// Puts the task off without counting a failure.
    public func snooze(
        _ claim: Claim, seconds: Double, in connection: any DatabaseConnection
    ) async throws(QueueError) -> RetryOutcome {
        fatalError("next commit")
    }

    /// Gives the task back at once, without counting a failure or a death: for a graceful shutdown.
    public func release(
        _ claim: Claim, in connection: any DatabaseConnection
    ) async throws(QueueError) -> RetryOutcome {
        fatalError("next commit")
    }

    /// Ends a waiting task as canceled, or asks the worker of a running one to stop.
    public func cancel(
        _ taskID: String, in connection: any DatabaseConnection
    ) async throws(QueueError) -> CancelOutcome {
        fatalError("next commit")
    }

    /// Takes back tasks whose lease has run out. The caller settles what ended in the same transaction.
    public func rescue(in connection: any DatabaseConnection) async throws(QueueError) -> RescueReport {
        fatalError("next commit")
    }

    /// At start: takes back what dead processes of this host held, without waiting for their leases.
    public func takeOver(
        as worker: WorkerIdentity, isAlive: @Sendable (WorkerIdentity) -> Bool = WorkerIdentity.isAlive,
        in connection: any DatabaseConnection
    ) async throws(QueueError) -> RescueReport {
        fatalError("next commit")
    }

    /// How many waiting tasks would be claimed up to and including this one; `nil` if it does not wait.
    public func position(
        of taskID: String, in connection: any DatabaseConnection
    ) async throws(QueueError) -> Int? {
        fatalError("next commit")
    }
}
