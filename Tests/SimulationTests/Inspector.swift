import Core
import Database
import JobQueue
import Ledger
import Studio

/// Holds the run to its rules: some after every commit, the others at the end.
///
/// SAFETY: only touched by the run's one thread at a time.
final class Inspector: @unchecked Sendable {
    private unowned let run: Run
    private var states: [String: (state: String, attempt: Int64)] = [:]
    /// When an attempt began, by the run's own time.
    private var beginnings: [String: Double] = [:]
    private var durable: Set<String> = []
    /// Of tasks that run: their workers' processes and deaths.
    private var workers: [String: (process: Int64, deaths: Int64)] = [:]

    init(_ run: Run) { self.run = run }

    func rows(_ sql: String, _ arguments: [DatabaseValue] = []) -> [DatabaseRow] {
        do throws(DatabaseError) {
            return try run.database.look(sql, arguments)
        } catch {
            run.violated("the observer cannot look: \(error)")
            return []
        }
    }

    func hasAllEnded() -> Bool {
        rows("SELECT 1 AS one FROM jobs WHERE state IN ('queued', 'running') LIMIT 1").isEmpty
    }

    // MARK: After every commit

    func committed() {
        do throws(DatabaseError) {
            try checkTogether()
            try checkSums()
            try checkStates()
            try checkDeaths()
            try checkFiles()
        } catch {
            run.violated("the observer reads \(error)")
        }
    }

    /// After a power cut everything must still be there.
    func powerWasCut() {
        durable = []
        committed()
    }

    /// Job, task and hold move together; no account runs more than it may.
    private func checkTogether() throws(DatabaseError) {
        let apart = rows(
            """
            SELECT j.id, j.state AS job, COALESCE(t.state, 'none') AS task, h.state AS hold
            FROM jobs j JOIN credit_holds h ON h.id = j.hold_id LEFT JOIN queue_tasks t ON t.id = j.id
            WHERE NOT (COALESCE(t.state, j.state) = j.state AND h.state = CASE j.state
                WHEN 'completed' THEN 'captured' WHEN 'failed' THEN 'released' WHEN 'canceled' THEN 'released'
                ELSE 'held' END) OR (t.id IS NULL AND j.ended_at IS NULL)
            """)
        for row in apart {
            run.violated(
                "\(try row.text("id")) is \(try row.text("job")), its task \(try row.text("task")), "
                    + "its hold \(try row.text("hold"))")
        }
        let crowds = rows(
            """
            SELECT fairness_key FROM queue_tasks WHERE state = 'running' GROUP BY fairness_key HAVING COUNT(*) > $1
            """, [.integer(Int64(run.plan.queue.runningPerKeyMax))])
        for row in crowds { run.violated("\(try row.text("fairness_key")) runs more than it may") }
    }

    private func checkSums() throws(DatabaseError) {
        let wrong = rows(
            """
            SELECT id FROM credit_users u WHERE u.credits < 0 OR u.held < 0 OR u.debt < 0 OR u.credits + u.held - u.debt
                <> (SELECT COALESCE(SUM(e.amount), 0) FROM credit_ledger e WHERE e.account_id = u.id)
            """)
        for row in wrong { run.violated("the entries of \(try row.text("id")) do not sum to its balance") }
    }

    /// What has ended stays as it ended; attempts only grow; a deadline is one of real time.
    private func checkStates() throws(DatabaseError) {
        for row in rows("SELECT id, state, attempt, error_code FROM jobs") {
            let (id, state, attempt) = (try row.text("id"), try row.text("state"), try row.integer("attempt"))
            let before = states[id]
            if let before, before.state == state, before.attempt == attempt { continue }
            states[id] = (state, attempt)
            run.note("job.\(state)", "\(id) attempt \(attempt)")
            if let before, ["completed", "failed", "canceled"].contains(before.state) {
                run.violated("\(id) was \(before.state) and is \(state)")
            }
            if attempt < before?.attempt ?? 0 { run.violated("the attempts of \(id) went back") }
            if state == "running" { beginnings[id] = run.scheduler.seconds }
            if try row.optionalText("error_code") == "deadline_exceeded" {
                let seconds = run.scheduler.seconds - (beginnings[id] ?? 0)
                if seconds < run.plan.jobs.deadlineSecondsMin - 0.5 {
                    run.violated("\(id) was stopped for its deadline after \(Int(seconds)) s")
                }
            }
        }
    }

    /// In calm times nobody's task is taken away but the dead's.
    private func checkDeaths() throws(DatabaseError) {
        var running: [String: (process: Int64, deaths: Int64)] = [:]
        for row in rows("SELECT id, state, deaths, worker_pid FROM queue_tasks") {
            let (id, deaths) = (try row.text("id"), try row.integer("deaths"))
            if try row.text("state") == "running" { running[id] = (try row.integer("worker_pid"), deaths) }
            guard let before = workers[id], deaths > before.deaths else { continue }
            run.trace.count("deaths")
            // An answer that was late before may keep a server from its heartbeats for a while yet.
            let margin = SimulatedDatabase.lateSecondsMax + 2 * run.plan.queue.leaseSeconds
            let isCalm = run.scheduler.seconds > run.calmSince + margin
            if isCalm, !run.process(before.process).isDead { run.violated("\(id) was taken from a server that lives") }
        }
        workers = running
    }

    /// What a row names would survive a power cut.
    private func checkFiles() throws(DatabaseError) {
        let named = rows(
            """
            SELECT blob, bytes FROM artifacts
            UNION ALL SELECT input_blob, input_bytes FROM jobs WHERE state IN ('queued', 'running')
            """)
        for row in named {
            let blob = try row.text("blob")
            guard !durable.contains(blob) else { continue }
            let bytes = run.disk.durableBytes(of: blob)
            if bytes == (try row.integer("bytes")) {
                durable.insert(blob)
            } else {
                run.violated("\(blob) is named by a row, and of its bytes \(bytes ?? -1) are durable")
            }
        }
    }

    /// Before a server removes a blob.
    func removing(_ path: String) {
        let blob = path.split(separator: "/").last.map(String.init) ?? ""
        let needed = rows(
            """
            SELECT 1 AS one FROM artifacts WHERE blob = $1
            UNION ALL SELECT 1 FROM jobs WHERE input_blob = $1 AND state IN ('queued', 'running')
            """, [.text(blob)])
        if !needed.isEmpty { run.violated("\(blob) was removed while a row needs it") }
    }

    // MARK: At the end

    func finish() async {
        do throws(DatabaseError) {
            try checkJobs()
            try checkClients()
            try checkMoney()
        } catch {
            run.violated("the observer reads \(error)")
        }
        await checkLedger()
        await checkRetention()
    }

    private func checkJobs() throws(DatabaseError) {
        let jobs = rows(
            """
            SELECT j.*, t.attempt AS task_attempt, t.failures, t.deaths,
                (SELECT COUNT(*) FROM job_events e WHERE e.job_id = j.id AND e.kind = 'claimed') AS claims,
                (SELECT COUNT(*) FROM job_events e WHERE e.job_id = j.id
                    AND e.kind IN ('settled', 'failed', 'canceled')) AS endings,
                (SELECT COUNT(*) FROM job_events e WHERE e.job_id = j.id
                    AND e.kind IN ('attempt_failed', 'handed_back', 'rescued')) AS returns,
                (SELECT COUNT(*) FROM artifacts a WHERE a.job_id = j.id) AS artifacts,
                (SELECT COUNT(*) FROM artifacts a WHERE a.job_id = j.id AND a.name LIKE j.attempt || '-%') AS own,
                (SELECT COUNT(*) FROM credit_usage g WHERE g.job_id = j.id) AS charges
            FROM jobs j JOIN queue_tasks t ON t.id = j.id
            """)
        run.trace.count("jobs", jobs.count)
        for job in jobs {
            let (id, state) = (try job.text("id"), try job.text("state"))
            let isCompleted = state == "completed"
            if !["completed", "failed", "canceled"].contains(state) { run.violated("\(id) is still \(state)") }
            if try job.integer("charges") != (isCompleted ? 1 : 0) { run.violated("\(id) is \(state) and mischarged") }
            if try job.integer("endings") != 1 { run.violated("\(id) did not end once") }
            let (artifacts, own) = (try job.integer("artifacts"), try job.integer("own"))
            if artifacts != own || (artifacts > 0) != isCompleted {
                run.violated("\(id) has results of another attempt")
            }
            let attempts = [try job.integer("attempt"), try job.integer("task_attempt"), try job.integer("claims")]
            if Set(attempts).count != 1 { run.violated("the attempts of \(id) are counted as \(attempts)") }
            // Each attempt but the last is given back in one line; a job that waits may be canceled.
            let last = attempts[0] - (try job.integer("returns"))
            if last != 1, last != 0 || state != "canceled" {
                run.violated("of \(attempts[0]) attempts of \(id), which is \(state), \(last) are not accounted for")
            }
            let (failures, deaths) = (try job.integer("failures"), try job.integer("deaths"))
            if failures + deaths > attempts[0] { run.violated("\(id) failed more often than it was tried") }
            try checkReason(
                job, id, isExhausted: failures > run.plan.queue.retriesMax, isDead: deaths >= run.plan.queue.deathsMax)
        }
    }

    private func checkReason(
        _ job: DatabaseRow, _ id: String, isExhausted: Bool, isDead: Bool
    ) throws(DatabaseError) {
        let mood = try job.text("input_name").prefix { $0 != "-" }
        let isRight =
            switch try job.optionalText("error_code") {
            case nil: true
            case "too_many_attempts": isDead
            case "engine_failed": mood == "broken" || (mood == "flaky" && isExhausted)
            case "storage_full", "internal_error": isExhausted
            case "deadline_exceeded": true
            default: false
            }
        let code = try job.optionalText("error_code") ?? "none"
        if code != "none" { run.trace.count("failed.\(code)") }
        if !isRight { run.violated("\(id), which is \(mood), failed with \(code)") }
        if try job.text("state") == "completed", mood == "broken" || mood == "deadly" {
            run.violated("\(id), which is \(mood), completed")
        }
    }

    private func checkClients() throws(DatabaseError) {
        for (id, accepted) in run.memory.accepted.sorted(by: { $0.key < $1.key }) {
            let found = rows("SELECT state, input_name FROM jobs WHERE id = $1", [.text(id.text)])
            guard let job = found.first, try job.text("input_name") == accepted.name else {
                run.violated("\(id) was accepted and is not there")
                continue
            }
            if run.memory.canceled.contains(id), try job.text("state") != "canceled" {
                run.violated("\(id) was answered as canceled and is \(try job.text("state"))")
            }
        }
        for row in rows(
            """
            SELECT idempotency_key AS name FROM jobs WHERE idempotency_key IS NOT NULL
            GROUP BY account_id, idempotency_key HAVING COUNT(*) > 1
            """)
        { run.violated("\(try row.text("name")) made several jobs") }
    }

    /// From what clients were told alone, without the books' own sums.
    private func checkMoney() throws(DatabaseError) {
        for account in run.memory.accounts {
            var expected = run.memory.granted[account] ?? 0
            for (_, bought) in run.memory.purchases where bought.account == account {
                expected += bought.credits - bought.removed
            }
            let user = rows(
                """
                SELECT credits, held, debt, (SELECT COALESCE(SUM(g.credits), 0) FROM credit_usage g
                    WHERE g.user_id = u.id) AS used FROM credit_users u WHERE id = $1
                """, [.text(account.text)])
            guard let user = user.first else { continue }
            if try user.integer("held") != 0 { run.violated("\(account) has credits held for nothing") }
            let has = try user.integer("credits") - user.integer("debt") + user.integer("used")
            if has != expected { run.violated("\(account) should have had \(expected) credits, and had \(has)") }
        }
        for (session, _) in run.memory.purchases {
            let count = rows("SELECT id FROM credit_purchases WHERE stripe_session_id = $1", [.text(session)]).count
            if count != 1 { run.violated("\(session) was booked \(count) times") }
        }
        for (work, usage) in run.memory.deductions {
            let found = rows("SELECT id FROM credit_usage WHERE job_id = $1", [.text(work)])
            if try found.map({ row throws(DatabaseError) in try row.text("id") }) != [usage] {
                run.violated("\(work) was not charged once")
            }
        }
    }

    private func checkLedger() async {
        let (time, database) = (run.world.time, SimulatedDatabase(run.database, for: run.world.process))
        do {
            let found = try await database.read { try await CreditLedger(time: time).verify(in: $0) }
            for discrepancy in found { run.violated("ledger verify: \(discrepancy)") }
        } catch {
            run.violated("the ledger cannot be verified: \(error)")
        }
    }

    /// Orphans go after their grace, everything else after its time.
    private func checkRetention() async {
        let host = SimulatedHost(name: "sweeper", skewSeconds: 0)
        let process = run.newProcess(on: host)
        guard let life = try? ServerLife(process, in: run) else { return run.violated("no sweeper can be started") }
        run.keep(life)
        await run.world.time.pause(seconds: run.plan.jobs.orphanGraceSeconds + 600)
        await sweep(life)
        let named = Set(rows("SELECT blob FROM artifacts").compactMap { try? $0.text("blob") })
        let there = Set(run.disk.blobs().filter { $0 != "owner" })
        if there != named { run.violated("\(there.subtracting(named).count) blobs have no owner") }
        await run.world.time.pause(seconds: run.plan.jobs.resultDays * 86_400 + 3600)
        await sweep(life)
        await sweep(life)
        let left = run.disk.blobs().filter { $0 != "owner" }
        if !left.isEmpty { run.violated("\(left.count) blobs outlive their time") }
        for table in ["queue_tasks", "artifacts"] where !rows("SELECT 1 AS one FROM \(table) LIMIT 1").isEmpty {
            run.violated("\(table) has rows that outlive their time")
        }
    }

    private func sweep(_ life: ServerLife) async {
        let jobs = life.jobs
        let report = await run.world.work(on: life.process) { () async -> String? in
            do throws(JobError) {
                let report = try await jobs.sweep()
                return report.failures == 0 ? nil : "\(report.failures) failures"
            } catch {
                return "\(error)"
            }
        }
        if case .some(.some(let cause)) = report { run.violated("a sweep in calm times failed: \(cause)") }
    }
}
