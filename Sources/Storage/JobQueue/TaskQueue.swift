public import Core
public import Database

/// A durable queue of tasks. It knows no product noun: a task is the caller's identifier, a kind and a payload text.
///
/// Every call works in the caller's transaction, so that a task and what it is about change together.
public struct TaskQueue: Sendable {
    public let limits: QueueLimits
    let time: any TimeSource
    private let clock: QueueClock

    public init(time: any TimeSource, limits: QueueLimits = QueueLimits(), clock: QueueClock = .own) {
        self.time = time
        self.limits = limits
        self.clock = clock
    }

    /// The argument of `QueueStatements.now`.
    func now(_ dialect: SQLDialect) -> DatabaseValue {
        clock == .database && dialect == .postgres ? .null : .integer(time.now().milliseconds)
    }

    var leaseMilliseconds: Int64 { Self.milliseconds(limits.leaseSeconds) }

    static func milliseconds(_ seconds: Double) -> Int64 {
        Timestamp(milliseconds: 0).adding(seconds: seconds).milliseconds
    }

    /// Ends the task as completed. `false`: the claim was lost, and the caller rolls back.
    public func complete(_ claim: Claim, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        try await end(claim, as: "completed", connection)
    }

    /// Ends the task as failed. `false`: the claim was lost, and the caller rolls back.
    public func fail(_ claim: Claim, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        try await end(claim, as: "failed", connection)
    }

    /// Ends the task as canceled. `false`: the claim was lost, and the caller rolls back.
    public func markCanceled(_ claim: Claim, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        try await end(claim, as: "canceled", connection)
    }

    /// Gives a failed attempt back, to run again after `seconds`, or after a growing pause with jitter.
    public func retry(
        _ claim: Claim, after seconds: Double? = nil, in connection: any DatabaseConnection
    ) async throws(QueueError) -> RetryOutcome {
        let pause = seconds ?? limits.backoff(task: claim.taskID, failures: claim.failures + 1)
        return try await requeue(claim, pause: pause, failures: 1, connection)
    }

    /// Puts the task off without counting a failure.
    public func snooze(
        _ claim: Claim, seconds: Double, in connection: any DatabaseConnection
    ) async throws(QueueError) -> RetryOutcome {
        try await requeue(claim, pause: seconds, failures: 0, connection)
    }

    /// Gives the task back at once, without counting a failure or a death: for a graceful shutdown.
    public func release(
        _ claim: Claim, in connection: any DatabaseConnection
    ) async throws(QueueError) -> RetryOutcome {
        try await requeue(claim, pause: 0, failures: 0, connection)
    }

    /// Ends a waiting task as canceled, or asks the worker of a running one to stop.
    public func cancel(
        _ taskID: String, in connection: any DatabaseConnection
    ) async throws(QueueError) -> CancelOutcome {
        let sql = QueueSQL(connection)
        let now = QueueStatements.now("$2", sql.dialect)
        // Locked first: between two looks a worker may give the task back.
        let lock = sql.dialect == .postgres ? " FOR UPDATE" : ""
        let states = try await sql.rows("SELECT state FROM queue_tasks WHERE id = $1\(lock)", [.text(taskID)]) {
            row throws(DatabaseError) in try row.text("state")
        }
        switch states.first {
        case nil: return .unknown
        case "queued":
            _ = try await sql.run(
                "UPDATE queue_tasks SET state = 'canceled', ended_at = \(now) WHERE id = $1",
                [.text(taskID), self.now(sql.dialect)])
            return .canceledNow
        case "running":
            _ = try await sql.run(
                "UPDATE queue_tasks SET cancel_requested_at = COALESCE(cancel_requested_at, \(now)) WHERE id = $1",
                [.text(taskID), self.now(sql.dialect)])
            return .signalled
        default: return .alreadyEnded
        }
    }

    /// How many waiting tasks would be claimed up to and including this one, if nothing else changed; `nil` if it
    /// does not wait. Looks at every waiting task.
    public func position(
        of taskID: String, in connection: any DatabaseConnection
    ) async throws(QueueError) -> Int? {
        if connection.dialect == .postgres, case .credential = DatabaseCaller.current {
            // A request sees its own tasks only; the schema counts the others for it.
            return try await QueueSQL(connection).rows("SELECT own_queue_position($1) AS position", [.text(taskID)]) {
                row throws(DatabaseError) in try row.optionalInteger("position").map { Int($0) }
            }.first ?? nil
        }
        return try await QueueSQL(connection).rows(
            """
            SELECT position FROM (
                SELECT w.id, ROW_NUMBER() OVER (
                    ORDER BY w.priority DESC, w.round, COALESCE(k.turn, 0), w.run_at, w.id) AS position
                FROM (SELECT id, fairness_key, priority, run_at, ROW_NUMBER() OVER (
                        PARTITION BY fairness_key, priority ORDER BY run_at, id) AS round
                    FROM \(QueueStatements.waitingTasks) q) w
                LEFT JOIN queue_keys k ON k.fairness_key = w.fairness_key) ranked
            WHERE id = $1
            """, [.text(taskID)]
        ) { row throws(DatabaseError) in Int(try row.integer("position")) }.first
    }

    // MARK: Steps

    private func end(
        _ claim: Claim, as state: String, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> Bool {
        try await QueueSQL(connection).run(
            """
            UPDATE queue_tasks SET state = $3, ended_at = \(QueueStatements.now("$4", connection.dialect)),
                \(QueueStatements.unclaimed)
            WHERE id = $1 AND token = $2
            """, [.text(claim.taskID), .text(claim.token), .text(state), now(connection.dialect)]) == 1
    }

    private func requeue(
        _ claim: Claim, pause: Double, failures: Int, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> RetryOutcome {
        let sql = QueueSQL(connection)
        guard let task = try await sql.held(by: claim) else { return .lost }
        if task.isCancelRequested {
            return try await end(claim, as: "canceled", connection) ? .canceled : .lost
        }
        if task.failures + failures > limits.retriesMax, failures > 0 {
            _ = try await sql.run(
                "UPDATE queue_tasks SET failures = failures + 1 WHERE id = $1 AND token = $2",
                [.text(claim.taskID), .text(claim.token)])
            return try await end(claim, as: "failed", connection) ? .exhausted : .lost
        }
        let wait = max(0, Self.milliseconds(pause))
        let runAt = try await sql.rows(
            """
            UPDATE queue_tasks SET state = 'queued', run_at = \(QueueStatements.now("$3", sql.dialect)) + $4,
                is_due = $5, failures = failures + $6, \(QueueStatements.unclaimed)
            WHERE id = $1 AND token = $2 RETURNING run_at
            """,
            [
                .text(claim.taskID), .text(claim.token), now(sql.dialect), .integer(wait),
                .integer(wait == 0 ? 1 : 0), .integer(Int64(failures)),
            ]
        ) { row throws(DatabaseError) in try row.timestamp("run_at") }.first
        return runAt.map { .scheduled(at: $0) } ?? .lost
    }
}

/// Whose clock says when a task may run and when a lease has run out.
public enum QueueClock: Sendable {
    /// The queue's own `TimeSource`: for a database of one server.
    case own
    /// The database server's, where there is one: servers whose clocks differ do not take each other's tasks.
    case database
}
