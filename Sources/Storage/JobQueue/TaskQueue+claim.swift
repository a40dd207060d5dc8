internal import Core
public import Database

extension TaskQueue {
    /// Takes up to `limit` tasks of these kinds that may run now: by priority, then in turn between the fairness
    /// keys, then by time. A key with `runningPerKeyMax` tasks under way is passed over, a paused kind as well.
    public func claim(
        worker: WorkerIdentity, kinds: [String], limit: Int, in connection: any DatabaseConnection
    ) async throws(QueueError) -> [Claim] {
        guard !kinds.isEmpty, limit > 0 else { return [] }
        // What decides (who runs how much, whose turn it is) is what a claim changes: two at once would both pass over
        // a key's limit, and find its first task locked instead of its second free.
        switch connection.dialect {
        case .postgres: return try await claimAtOnce(worker, kinds, limit, connection)
        case .sqlite: return try await claimInRounds(worker, kinds, limit, connection)
        }
    }

    /// One statement for all of them.
    private func claimAtOnce(
        _ worker: WorkerIdentity, _ kinds: [String], _ limit: Int, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> [Claim] {
        let now = now(.postgres)
        return try await QueueSQL(connection).rows(
            after: DatabaseStatement(QueueStatements.turnToClaim),
            DatabaseStatement(QueueStatements.bringIn(.postgres), [now]),
            then: QueueStatements.claim(kindCount: kinds.count),
            [
                now, .integer(Int64(limits.runningPerKeyMax)), .integer(Int64(limit)),
                .text(Identifier<ClaimKind>(at: time.now()).text), .text(worker.host), .text(worker.bootID),
                .text(worker.pidNamespace), .integer(worker.pid), .integer(worker.startTicks),
                .integer(leaseMilliseconds),
            ] + kinds.map { .text($0) }
        ) { row throws(DatabaseError) in
            Claim(
                taskID: try row.text("id"), kind: try row.text("kind"), fairnessKey: try row.text("fairness_key"),
                attempt: Int(try row.integer("attempt")),
                failures: Int(try row.integer("failures")), deaths: Int(try row.integer("deaths")),
                payload: try row.text("payload"), token: try row.text("token"),
                claimedAt: try row.timestamp("claimed_at"), leaseExpiresAt: try row.timestamp("lease_expires_at"))
        }
    }

    // MARK: In rounds

    /// SQLite has no LATERAL; its statements cost no round trip.
    private func claimInRounds(
        _ worker: WorkerIdentity, _ kinds: [String], _ limit: Int, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> [Claim] {
        var claims: [Claim] = []
        _ = try await QueueSQL(connection).run(QueueStatements.bringIn(.sqlite), [now(.sqlite)])
        while claims.count < limit {
            let round = try await candidates(kinds: kinds, limit: limit - claims.count, connection)
            guard let first = round.first else { break }
            let before = claims.count
            // Lower priorities wait for another look: a key served now may have more of the higher one.
            for task in round.prefix(while: { $0.priority == first.priority }) {
                if let claim = try await take(task, worker, connection) { claims.append(claim) }
            }
            guard claims.count > before else { break }
        }
        return claims
    }

    private struct Candidate {
        var id: String
        var kind: String
        var priority: Int64
        var fairnessKey: String
        var payload: String
        var attempt: Int
        var failures: Int
        var deaths: Int
    }

    /// The next task of each fairness key, in their order.
    private func candidates(
        kinds: [String], limit: Int, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> [Candidate] {
        try await QueueSQL(connection).rows(
            QueueStatements.candidates(kindCount: kinds.count),
            [
                .integer(time.now().milliseconds), .integer(Int64(limits.runningPerKeyMax)), .integer(Int64(limit)),
            ] + kinds.map { .text($0) }
        ) { row throws(DatabaseError) in
            Candidate(
                id: try row.text("id"), kind: try row.text("kind"), priority: try row.integer("priority"),
                fairnessKey: try row.text("fairness_key"),
                payload: try row.text("payload"), attempt: Int(try row.integer("attempt")),
                failures: Int(try row.integer("failures")), deaths: Int(try row.integer("deaths")))
        }
    }

    /// `nil` if the task is no longer there to be had.
    private func take(
        _ task: Candidate, _ worker: WorkerIdentity, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> Claim? {
        let now = time.now()
        let claim = Claim(
            taskID: task.id, kind: task.kind, fairnessKey: task.fairnessKey, attempt: task.attempt + 1,
            failures: task.failures, deaths: task.deaths,
            payload: task.payload, token: Identifier<ClaimKind>(at: now).text, claimedAt: now,
            leaseExpiresAt: now.adding(seconds: limits.leaseSeconds))
        let sql = QueueSQL(connection)
        let taken = try await sql.run(
            """
            UPDATE queue_tasks SET state = 'running', attempt = $2, token = $3, worker_host = $4, worker_boot = $5,
                worker_namespace = $6, worker_pid = $7, worker_start = $8, claimed_at = $9, lease_expires_at = $10
            WHERE id = $1 AND state = 'queued'
            """,
            [
                .text(task.id), .integer(Int64(claim.attempt)), .text(claim.token), .text(worker.host),
                .text(worker.bootID), .text(worker.pidNamespace), .integer(worker.pid), .integer(worker.startTicks),
                .integer(now.milliseconds),
                .integer(claim.leaseExpiresAt.milliseconds),
            ])
        guard taken == 1 else { return nil }
        _ = try await sql.run(
            """
            INSERT INTO queue_keys (fairness_key, turn) VALUES ($1, (SELECT COALESCE(MAX(turn), 0) + 1 FROM queue_keys))
            ON CONFLICT (fairness_key) DO UPDATE SET turn = excluded.turn
            """, [.text(task.fairnessKey)])
        return claim
    }
}

enum ClaimKind: IdentifierKind { static let prefix: StaticString = "clm" }
