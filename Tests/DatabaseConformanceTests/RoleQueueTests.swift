import Core
import Database
import JobQueue
import Postgres
import Support
import Testing

/// SQL of a request against the queue itself: what it puts in must be what workers can work on, and what claims take
/// turns by is out of its reach.
@Suite struct RoleQueueTests {
    /// The hold of a credit of Alice's under a name, as an SQL expression.
    private func hold(_ reference: String, _ stage: RoleStage) async throws -> String {
        let rows = try await stage.asApp("SELECT hold_own_credits('\(stage.alice)', 1, '\(reference)') AS hold")
        return "'\(try #require(try rows.first?.text("hold")))'"
    }

    @Test func `a request puts in no job that a worker could not read`() async throws {
        try await RoleStage.open { stage async throws in
            let name = RoleStage.jobName(1)
            let hold = try await hold(name, stage)
            for changes in [
                ["input_blob": "'blob_1'"], ["input_blob": "'blob_\(String(repeating: "G", count: 32))'"],
                ["duration_seconds": "'NaN'"], ["duration_seconds": "'Infinity'"], ["duration_seconds": "1e300"],
                ["options": "repeat('x', 100000)"], ["notes": "repeat('x', 100000)"],
                ["input_name": "repeat('x', 100000)"], ["service": "repeat('x', 1000)"], ["input_present": "0"],
                ["started_at": "1"], ["expires_at": "1"], ["results_removed_at": "1"],
            ] {
                await stage.forbidsApp(RoleStage.job(name, of: stage.alice, hold: hold, changes))
            }
            for malformed in ["job_1", "x", "", name + "\n", name.uppercased()] {
                let hold = try await self.hold(malformed, stage)
                await stage.forbidsApp(RoleStage.job(malformed, of: stage.alice, hold: hold))
                try await stage.asOwner("SELECT ledger_release(\(hold), 'test', 1)")
            }
        }
    }

    @Test func `a task of a request is of its job's length and of the submission's time, and a job has one`()
        async throws
    {
        try await RoleStage.open { stage async throws in
            let name = RoleStage.jobName(1)
            let job = RoleStage.job(name, of: stage.alice, hold: try await hold(name, stage))
            for changes in [
                ["payload": "'2'"], ["payload": "'nan'"], ["payload": "'inf'"], ["payload": "''"], ["payload": "'x'"],
                ["payload": "repeat('1', 100000)"], ["unique_key": "'u'"], ["run_at": "0"], ["run_at": "2"],
                ["is_due": "0"], ["claimed_at": "1"], ["deaths": "0", "attempt": "1"],
            ] {
                let task = RoleStage.task(name, of: stage.alice, changes)
                await forbids(task) { try await stage.asApp(job, task) }
            }
            let refusal = DatabaseError.constraintViolation(.trigger, name: "a job comes with its task")
            await #expect(throws: refusal) { try await stage.asApp(job) }
            // Also if the transaction speaks for nobody when it ends.
            await #expect(throws: refusal) {
                try await stage.asApp(job, "SELECT set_config('cadenza.credential', '', true)")
            }
            #expect(try await stage.count("jobs WHERE id = '\(name)'") == 0)
            try await stage.asApp(job, RoleStage.task(name, of: stage.alice))
            #expect(try await stage.count("queue_tasks WHERE id = '\(name)'") == 1)
        }
    }

    @Test func `a request leaves nothing in a timeline or a feed that is in the way of what workers add`() async throws
    {
        try await RoleStage.open { stage async throws in
            let name = RoleStage.jobName(1)
            let job = RoleStage.job(name, of: stage.alice, hold: try await hold(name, stage))
            let task = RoleStage.task(name, of: stage.alice)
            try await stage.asApp(job, task)
            func line(_ job: String, _ sequence: String, _ position: String, _ detail: String = "'{}'") -> String {
                """
                INSERT INTO job_events (job_id, sequence, attempt, kind, at, account_id, position, detail)
                VALUES ('\(job)', \(sequence), 0, 'queued', 1, '\(stage.alice)', \(position), \(detail))
                """
            }
            let next = "UPDATE job_feeds SET position = position + 1"
            for attack in [
                line(name, "9223372036854775807", "2"), line(name, "2", "2"), line(name, "1", "3"),
                line(name, "1", "9223372036854775807"), line(name, "1", "2", "repeat('x', 100000)"),
                line("job_\(stage.alice)", "2", "2"),
            ] {
                await forbids(attack) { try await stage.asApp(next, attack) }
            }
            for position in ["9223372036854775807", "position + 100001", "position", "0"] {
                await #expect(
                    throws: DatabaseError.constraintViolation(.trigger, name: "a feed grows by what is added")
                ) {
                    try await stage.asApp("UPDATE job_feeds SET position = \(position)")
                }
            }
            try await stage.asApp(next, line(name, "1", "2"))
        }
    }

    @Test
    func `neither the turn to claim nor the servers' channel is a request's, and no lock of its own stops claims`()
        async throws
    {
        try await RoleStage.open { stage async throws in
            for attack in [
                "SELECT one FROM queue_turn", "SELECT one FROM queue_turn FOR UPDATE", "UPDATE queue_turn SET one = 1",
                "DELETE FROM queue_turn", "LOCK TABLE queue_turn IN ACCESS SHARE MODE",
                "SELECT name FROM server_channel",
                "UPDATE server_channel SET name = 'x'", "SELECT id FROM queue_tasks FOR UPDATE",
                "SELECT id FROM queue_tasks FOR KEY SHARE", "SELECT require_task()",
            ] {
                await stage.forbidsApp(attack)
            }
            await stage.forbidsService("UPDATE server_channel SET name = 'x'")
            await stage.forbidsService("DELETE FROM queue_turn")
            let queue = TaskQueue(time: ManualTime())
            let worker = WorkerIdentity(host: "h", bootID: "b", pid: 1, startTicks: 1)
            let (locked, release) = (Latch(), Latch())
            async let attacker: Void = DatabaseCaller.$current.withValue(.credential(sha256: RoleStage.alice)) {
                try await stage.roles.write { connection in
                    // The lock that claims once took turns under, and all that a request may lock.
                    _ = try await connection.query("SELECT pg_advisory_xact_lock(7238105942)::TEXT AS lock", [])
                    _ = try await connection.query("SELECT account_id FROM job_feeds", [])
                    locked.open()
                    await release.wait()
                }
            }
            await locked.wait()
            let claims = try await stage.roles.write {
                try await queue.claim(worker: worker, kinds: ["job"], limit: 10, in: $0)
            }
            #expect(claims.count == 2)
            release.open()
            try await attacker
        }
    }
}
