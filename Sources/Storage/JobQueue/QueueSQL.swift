internal import Database

/// Statements on the caller's transaction, with the queue's errors.
struct QueueSQL {
    struct HeldTask {
        var failures: Int
        var isCancelRequested: Bool
    }

    /// Part of an UPDATE: what a task that nobody runs must not have.
    static let unclaimed = """
        token = NULL, worker_host = NULL, worker_boot = NULL, worker_pid = NULL, worker_start = NULL,
            lease_expires_at = NULL
        """

    private let connection: any DatabaseConnection

    init(_ connection: any DatabaseConnection) { self.connection = connection }

    /// Claims come one after the other: SQLite's writers always do.
    func waitForTurnToClaim() async throws(QueueError) {
        switch connection.dialect {
        case .sqlite: break
        case .postgres: _ = try await run("SELECT pg_advisory_xact_lock(\(Self.claimLockKey))", [])
        }
    }

    /// An arbitrary number, the same in every version of this program.
    private static let claimLockKey = 7_238_105_942

    /// The task, if the claim still holds it; locked until the end of the transaction.
    func held(by claim: Claim) async throws(QueueError) -> HeldTask? {
        let lock = connection.dialect == .postgres ? " FOR UPDATE" : ""
        return try await rows(
            """
            SELECT failures, cancel_requested_at FROM queue_tasks
            WHERE id = $1 AND token = $2 AND state = 'running'\(lock)
            """, [.text(claim.taskID), .text(claim.token)]
        ) { row throws(DatabaseError) in
            HeldTask(
                failures: Int(try row.integer("failures")),
                isCancelRequested: try row.optionalInteger("cancel_requested_at") != nil)
        }.first
    }

    func rows<Value>(
        _ sql: String, _ arguments: [DatabaseValue], _ decode: (DatabaseRow) throws(DatabaseError) -> Value
    ) async throws(QueueError) -> [Value] {
        do throws(DatabaseError) {
            var values: [Value] = []
            for row in try await connection.query(sql, arguments) { values.append(try decode(row)) }
            return values
        } catch {
            throw .database(error)
        }
    }

    func run(_ sql: String, _ arguments: [DatabaseValue]) async throws(QueueError) -> Int {
        do throws(DatabaseError) {
            return try await connection.execute(sql, arguments)
        } catch {
            throw .database(error)
        }
    }
}
