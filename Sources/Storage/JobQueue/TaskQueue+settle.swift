internal import Core
public import Database

/// Many claims with one statement.
extension TaskQueue {
    /// Ends tasks as completed. Returns the names of those that it ended; the other claims were lost.
    public func complete(
        _ claims: [Claim], in connection: any DatabaseConnection
    ) async throws(QueueError) -> Set<String> {
        try await end(claims, as: "completed", connection)
    }

    /// Ends tasks as failed. Returns the names of those that it ended; the other claims were lost.
    public func fail(_ claims: [Claim], in connection: any DatabaseConnection) async throws(QueueError) -> Set<String> {
        try await end(claims, as: "failed", connection)
    }

    /// Extends the leases and tells, in the claims' order, whether the tasks are still wanted.
    public func heartbeat(
        _ claims: [Claim], in connection: any DatabaseConnection
    ) async throws(QueueError) -> [Heartbeat] {
        guard !claims.isEmpty else { return [] }
        let held = try await QueueSQL(connection).rows(
            after: DatabaseStatement(QueueStatements.steadyPlan),
            then: QueueStatements.heartbeat(connection.dialect),
            Self.names(claims) + [.integer(leaseMilliseconds), now(connection.dialect)]
        ) { row throws(DatabaseError) in
            (try row.text("token"), try row.optionalInteger("cancel_requested_at") == nil)
        }
        let isWanted = Dictionary(held, uniquingKeysWith: { first, _ in first })
        return claims.map { claim in isWanted[claim.token].map { $0 ? .held : .cancelRequested } ?? .lost }
    }

    /// Extends the lease and tells whether the task is still wanted.
    public func heartbeat(
        _ claim: Claim, in connection: any DatabaseConnection
    ) async throws(QueueError) -> Heartbeat {
        try await heartbeat([claim], in: connection).first ?? .lost
    }

    private func end(
        _ claims: [Claim], as state: String, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> Set<String> {
        guard !claims.isEmpty else { return [] }
        return Set(
            try await QueueSQL(connection).rows(
                after: DatabaseStatement(QueueStatements.steadyPlan), then: QueueStatements.end(connection.dialect),
                Self.names(claims) + [.text(state), now(connection.dialect)]
            ) { row throws(DatabaseError) in try row.text("id") })
    }

    private static func names(_ claims: [Claim]) -> [DatabaseValue] {
        [DatabaseValue.list(claims.map(\.taskID)), DatabaseValue.list(claims.map(\.token))]
    }
}
