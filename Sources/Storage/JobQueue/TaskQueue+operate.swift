public import Core
public import Database

/// How bringing a waiting task forward ended.
public enum HurryOutcome: Hashable, Sendable {
    /// It may run now.
    case mayRun
    case alreadyRuns
    case alreadyEnded
    case unknown
}

/// A kind of which nothing is claimed.
public struct QueuePause: Hashable, Sendable {
    public var kind: String
    public var since: Timestamp

    public init(kind: String, since: Timestamp) {
        self.kind = kind
        self.since = since
    }
}

/// What the queue knows of a task.
public struct TaskStatus: Hashable, Sendable {
    /// Not before.
    public var runAt: Timestamp
    public var failures: Int
    public var deaths: Int
    public var isCancelRequested: Bool
    /// Where it runs; `nil` if it does not.
    public var workerHost: String?
    public var leaseExpiresAt: Timestamp?
}

/// What operators do. Every server of the database goes by it.
extension TaskQueue {
    /// From the commit on, no task of the kind is claimed; those that run go on. `false` if it was paused before.
    public func pause(kind: String, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        guard kind.utf8.count <= limits.identifierBytesMax else {
            throw .identifierTooLong(bytesMax: limits.identifierBytesMax)
        }
        let sql = QueueSQL(connection)
        // A claim that does not see the pause yet is committed before it.
        try await sql.waitForTurnToClaim()
        return try await sql.run(
            """
            INSERT INTO queue_pauses (kind, paused_at) VALUES ($1, \(QueueStatements.now("$2", sql.dialect)))
            ON CONFLICT (kind) DO NOTHING
            """, [.text(kind), now(sql.dialect)]) == 1
    }

    /// Lets tasks of the kind be claimed again. `false` if it was not paused.
    public func resume(kind: String, in connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        try await QueueSQL(connection).run("DELETE FROM queue_pauses WHERE kind = $1", [.text(kind)]) == 1
    }

    public func pauses(in connection: any DatabaseConnection) async throws(QueueError) -> [QueuePause] {
        try await QueueSQL(connection).rows("SELECT kind, paused_at FROM queue_pauses ORDER BY kind", []) {
            row throws(DatabaseError) in QueuePause(kind: try row.text("kind"), since: try row.timestamp("paused_at"))
        }
    }

    /// By the tasks' names; those of tasks that are forgotten are absent.
    public func statuses(
        of taskIDs: [String], in connection: any DatabaseConnection
    ) async throws(QueueError) -> [String: TaskStatus] {
        let isAsked = connection.dialect.isOne("id", of: "$1")
        let found = try await QueueSQL(connection).rows(
            """
            SELECT id, run_at, failures, deaths, cancel_requested_at, worker_host, lease_expires_at
            FROM queue_tasks WHERE \(isAsked)
            """, [DatabaseValue.list(taskIDs)]
        ) { row throws(DatabaseError) in
            (
                try row.text("id"),
                TaskStatus(
                    runAt: try row.timestamp("run_at"), failures: Int(try row.integer("failures")),
                    deaths: Int(try row.integer("deaths")),
                    isCancelRequested: try row.optionalInteger("cancel_requested_at") != nil,
                    workerHost: try row.optionalText("worker_host"),
                    leaseExpiresAt: try row.optionalTimestamp("lease_expires_at"))
            )
        }
        return Dictionary(found, uniquingKeysWith: { first, _ in first })
    }

    /// Ends a waiting task's pause: it may run as soon as it is its turn.
    public func hurry(
        _ taskID: String, in connection: any DatabaseConnection
    ) async throws(QueueError) -> HurryOutcome {
        let sql = QueueSQL(connection)
        let now = QueueStatements.now("$2", sql.dialect)
        let hurried = try await sql.run(
            """
            UPDATE queue_tasks SET run_at = CASE WHEN run_at > \(now) THEN \(now) ELSE run_at END, is_due = 1
            WHERE id = $1 AND \(QueueStatements.waits("queue_tasks"))
            """, [.text(taskID), self.now(sql.dialect)])
        if hurried == 1 { return .mayRun }
        let ends = try await sql.rows("SELECT ended_at FROM queue_tasks WHERE id = $1", [.text(taskID)]) {
            row throws(DatabaseError) in try row.optionalInteger("ended_at")
        }
        guard let end = ends.first else { return .unknown }
        return end == nil ? .alreadyRuns : .alreadyEnded
    }

    /// Forgets up to `limit` tasks that ended before a time. Returns how many: fewer than `limit` when none is left
    /// that nobody else is forgetting.
    public func removeEnded(
        before time: Timestamp, limit: Int = 500, in connection: any DatabaseConnection
    ) async throws(QueueError) -> Int {
        let sql = QueueSQL(connection)
        if sql.dialect == .postgres { _ = try await sql.rows(QueueStatements.steadyPlan, []) { _ in } }
        return try await sql.run(
            QueueStatements.removeEnded(connection.dialect), [.integer(time.milliseconds), .integer(Int64(limit))])
    }
}
