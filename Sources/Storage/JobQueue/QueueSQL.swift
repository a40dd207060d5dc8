internal import Core
internal import Database

/// Statements on the caller's transaction, with the queue's errors.
struct QueueSQL {
    struct HeldTask {
        var failures: Int
        var isCancelRequested: Bool
    }

    private let connection: any DatabaseConnection

    var dialect: SQLDialect { connection.dialect }

    init(_ connection: any DatabaseConnection) { self.connection = connection }

    /// Claims come one after the other: SQLite's writers always do.
    func waitForTurnToClaim() async throws(QueueError) {
        switch dialect {
        case .sqlite: break
        case .postgres: _ = try await rows(QueueStatements.turn, []) { _ in }
        }
    }

    /// What is held by others for longer than this is left to them.
    func limitWaits() async throws(QueueError) {
        switch dialect {
        case .sqlite: break
        case .postgres: _ = try await rows("SELECT set_config('lock_timeout', '1000', true)", []) { _ in }
        }
    }

    /// The task, if the claim still holds it; locked until the end of the transaction.
    func held(by claim: Claim) async throws(QueueError) -> HeldTask? {
        let lock = dialect == .postgres ? " FOR UPDATE" : ""
        return try await rows(
            """
            SELECT failures, cancel_requested_at FROM queue_tasks
            WHERE id = $1 AND token = $2\(lock)
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

    /// As `rows`, after other statements that travel with it.
    /// - Parameter first: for Postgres only.
    func rows<Value>(
        after first: DatabaseStatement..., then sql: String, _ arguments: [DatabaseValue],
        _ decode: (DatabaseRow) throws(DatabaseError) -> Value
    ) async throws(QueueError) -> [Value] {
        guard dialect == .postgres else { return try await rows(sql, arguments, decode) }
        do throws(DatabaseError) {
            let answers = try await connection.batch(first + [DatabaseStatement(sql, arguments)])
            var values: [Value] = []
            for row in answers.last?.rows ?? [] { values.append(try decode(row)) }
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
