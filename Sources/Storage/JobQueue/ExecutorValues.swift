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

/// A task that its owner can make nothing of.
public struct TaskRefusal: Hashable, Sendable {
    public var taskID: String
    /// For the log.
    public var reason: String

    public init(taskID: String, reason: String) {
        self.taskID = taskID
        self.reason = reason
    }
}

/// What the executor asks of its owner.
public struct ExecutorHooks: Sendable {
    /// In the claiming transaction: marks the claimed work as running. Answers with what cannot be worked on, which is
    /// ended as failed in the same transaction.
    public var claimed: @Sendable ([Claim], any DatabaseConnection) async throws -> [TaskRefusal] = { _, _ in [] }
    /// In a claiming transaction: which of these fairness keys' records nobody else holds; they are locked by it. The
    /// tasks of the others wait a moment, so that who holds his own for long keeps nobody else's from running.
    public var unheld: @Sendable (Set<String>, any DatabaseConnection) async throws -> Set<String> = { keys, _ in keys }
    /// In the rescuing transaction: settles what ended, records what was requeued. Answers as `claimed` does.
    public var rescued: @Sendable (RescueReport, any DatabaseConnection) async throws -> [TaskRefusal] = { _, _ in [] }
    /// In the transaction in which a task was ended that could not be worked on: settles what it was about.
    public var discarded: @Sendable (String, any DatabaseConnection) async throws -> Void = { _, _ in }
    /// Whether an error of the hooks above is about what a task is, so that trying again would not help: the task is
    /// then ended as failed. Of anything else nobody loses a task.
    public var blamesTask: @Sendable (any Error) -> Bool = { error in
        switch DatabaseError(within: error) {
        case .constraintViolation, .raised: true
        case nil: !(error is QueueError) && !(error is CancellationError)
        default: false
        }
    }
    /// Hears of each task that was ended because it could not be worked on.
    public var toldOfDiscard: @Sendable (TaskRefusal) -> Void = { _ in }
    /// Seconds that an attempt may take.
    public var deadlineSeconds: @Sendable (Claim) -> Double = { _ in 600 }
    /// Hears of errors, which the next poll retries.
    public var failed: @Sendable (any Error) -> Void = { _ in }

    public init() {}
}
