internal import Core
public import Database

extension TaskQueue {
    /// Takes back tasks whose lease has run out. The caller settles what ended in the same transaction.
    /// - Parameters:
    ///   - spared: what the caller knows to be alive, whatever has become of the clock.
    ///   - name: no other than this.
    public func rescue(
        sparing spared: [Claim] = [], only name: String? = nil, in connection: any DatabaseConnection
    ) async throws(QueueError) -> RescueReport {
        let isSpared = connection.dialect.isOne("token", of: "$2")
        let isIt = name == nil ? "" : " AND id = $3"
        try await QueueSQL(connection).limitWaits()
        let lost = try await running(
            "lease_expires_at <= \(QueueStatements.now("$1", connection.dialect)) AND NOT (\(isSpared))\(isIt)",
            [now(connection.dialect), DatabaseValue.list(spared.map(\.token))] + (name.map { [.text($0)] } ?? []),
            limit: limits.rescueBatchMax, connection)
        return try await takeBack(lost, connection)
    }

    /// At start: takes back what dead processes of this machine held, without waiting for their leases. What another
    /// boot or another container under the same host name holds may live: that is left to its lease.
    public func takeOver(
        as worker: WorkerIdentity, isAlive: @Sendable (WorkerIdentity) -> Bool = WorkerIdentity.isAlive,
        in connection: any DatabaseConnection
    ) async throws(QueueError) -> RescueReport {
        let lost = try await running(
            "worker_host = $1 AND worker_boot = $2 AND worker_namespace = $3",
            [.text(worker.host), .text(worker.bootID), .text(worker.pidNamespace)], limit: nil, connection
        ).filter { !isAlive($0.worker) }
        return try await takeBack(lost, connection)
    }

    /// Ends tasks as failed that cannot be worked on, whoever holds them. Returns the names of those that had not
    /// ended.
    public func discard(
        _ taskIDs: [String], in connection: any DatabaseConnection
    ) async throws(QueueError) -> Set<String> {
        guard !taskIDs.isEmpty else { return [] }
        return Set(
            try await QueueSQL(connection).rows(
                QueueStatements.discard(connection.dialect), [DatabaseValue.list(taskIDs), now(connection.dialect)]
            ) { row throws(DatabaseError) in try row.text("id") })
    }

    private struct Lost {
        var id: String
        var deaths: Int
        var isCancelRequested: Bool
        var worker: WorkerIdentity
    }

    private func running(
        _ condition: String, _ arguments: [DatabaseValue], limit: Int?, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> [Lost] {
        let lock = connection.dialect == .postgres ? " FOR UPDATE SKIP LOCKED" : ""
        return try await QueueSQL(connection).rows(
            """
            SELECT id, deaths, cancel_requested_at, worker_host, worker_boot, worker_namespace, worker_pid, worker_start
            FROM queue_tasks WHERE state = 'running' AND \(condition) ORDER BY lease_expires_at, id
            \(limit == nil ? "" : "LIMIT $\(arguments.count + 1)")\(lock)
            """, arguments + (limit.map { [.integer(Int64($0))] } ?? [])
        ) { row throws(DatabaseError) in
            Lost(
                id: try row.text("id"), deaths: Int(try row.integer("deaths")),
                isCancelRequested: try row.optionalInteger("cancel_requested_at") != nil,
                worker: WorkerIdentity(
                    host: try row.text("worker_host"), bootID: try row.text("worker_boot"),
                    pidNamespace: try row.optionalText("worker_namespace") ?? "",
                    pid: try row.integer("worker_pid"), startTicks: try row.integer("worker_start")))
        }
    }

    private func takeBack(
        _ lost: [Lost], _ connection: any DatabaseConnection
    ) async throws(QueueError) -> RescueReport {
        var report = RescueReport()
        for task in lost {
            if task.isCancelRequested {
                report.canceled.append(task.id)
            } else if task.deaths + 1 >= limits.deathsMax {
                report.exhausted.append(task.id)
            } else {
                report.requeued.append(task.id)
            }
        }
        let sql = QueueSQL(connection)
        if !report.requeued.isEmpty {
            _ = try await sql.run(QueueStatements.putBack(sql.dialect), [DatabaseValue.list(report.requeued)])
        }
        for (state, names) in [("failed", report.exhausted), ("canceled", report.canceled)] where !names.isEmpty {
            _ = try await sql.run(
                QueueStatements.giveUp(sql.dialect), [DatabaseValue.list(names), .text(state), now(sql.dialect)])
        }
        return report
    }
}
