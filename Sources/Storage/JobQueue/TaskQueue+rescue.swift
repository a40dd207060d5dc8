internal import Core
public import Database

extension TaskQueue {
    /// Takes back tasks whose lease has run out. The caller settles what ended in the same transaction.
    public func rescue(in connection: any DatabaseConnection) async throws(QueueError) -> RescueReport {
        let lost = try await running(
            "lease_expires_at <= $1", [.integer(time.now().milliseconds)], limited: true, connection)
        return try await takeBack(lost, connection)
    }

    /// At start: takes back what dead processes of this host held, without waiting for their leases.
    public func takeOver(
        as worker: WorkerIdentity, isAlive: @Sendable (WorkerIdentity) -> Bool = WorkerIdentity.isAlive,
        in connection: any DatabaseConnection
    ) async throws(QueueError) -> RescueReport {
        let lost = try await running("worker_host = $1", [.text(worker.host)], limited: false, connection).filter {
            $0.worker.bootID != worker.bootID || !isAlive($0.worker)
        }
        return try await takeBack(lost, connection)
    }

    private struct Lost {
        var id: String
        var deaths: Int
        var isCancelRequested: Bool
        var worker: WorkerIdentity
    }

    private func running(
        _ condition: String, _ arguments: [DatabaseValue], limited: Bool, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> [Lost] {
        let lock = connection.dialect == .postgres ? " FOR UPDATE SKIP LOCKED" : ""
        return try await QueueSQL(connection).rows(
            """
            SELECT id, deaths, cancel_requested_at, worker_host, worker_boot, worker_pid, worker_start
            FROM queue_tasks WHERE state = 'running' AND \(condition) ORDER BY lease_expires_at, id
            \(limited ? "LIMIT \(limits.rescueBatchMax)" : "")\(lock)
            """, arguments
        ) { row throws(DatabaseError) in
            Lost(
                id: try row.text("id"), deaths: Int(try row.integer("deaths")),
                isCancelRequested: try row.optionalInteger("cancel_requested_at") != nil,
                worker: WorkerIdentity(
                    host: try row.text("worker_host"), bootID: try row.text("worker_boot"),
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
        let (sql, now) = (QueueSQL(connection), time.now())
        for (state, names) in [
            ("queued", report.requeued), ("failed", report.exhausted), ("canceled", report.canceled),
        ]
        where !names.isEmpty {
            _ = try await sql.run(
                QueueStatements.takeBack(connection.dialect),
                [QueueSQL.list(names), .text(state), state == "queued" ? .null : .integer(now.milliseconds)])
        }
        return report
    }
}
