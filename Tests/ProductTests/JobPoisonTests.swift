import Core
import Database
import JobQueue
import Ledger
import Studio
import Support
import Synchronization
import Testing

/// Records that contradict each other, as raw SQL or a lost disk can leave them: what they cost, and whom.
@Suite(.timeLimit(.minutes(1))) struct JobPoisonTests {
    /// Ways to spoil a job that waits or runs.
    enum Spoiling: String, CaseIterable {
        case jobEnded, otherAccount, unreadableBlob, unreadableHold, feedInTheWay

        /// Whether the credits can go back at once: the job is there, its account's, and its ending can be told.
        var returnsCredits: Bool { self == .unreadableBlob }

        func statements(_ job: Job, stranger: AccountID) -> [String] {
            switch self {
            case .jobEnded: ["UPDATE jobs SET state = 'canceled', ended_at = 1 WHERE id = '\(job.id)'"]
            case .otherAccount: ["UPDATE queue_tasks SET fairness_key = '\(stranger)' WHERE id = '\(job.id)'"]
            case .unreadableBlob: ["UPDATE jobs SET input_blob = 'rubbish' WHERE id = '\(job.id)'"]
            case .unreadableHold:
                [
                    """
                    INSERT INTO credit_holds (id, account_id, reference, credits, state, created_at)
                    VALUES ('rubbish', '\(stranger)', 'rubbish', 1, 'held', 1)
                    """,
                    "UPDATE jobs SET hold_id = 'rubbish' WHERE id = '\(job.id)'",
                ]
            // The next line of the account's feed cannot be written.
            case .feedInTheWay:
                [
                    """
                    INSERT INTO job_events (job_id, sequence, account_id, position, attempt, kind, at)
                    SELECT '\(job.id)', 99, account_id, position + 1, 0, 'queued', 1 FROM job_feeds
                    WHERE account_id = '\(job.accountID)'
                    """
                ]
            }
        }
    }

    private struct Stage {
        let studio: StudioFixture
        let told = Told()
        let good = Latch()

        /// Works the jobs off, and opens `good` when that of the healthy account is done.
        func executor(until healthy: JobID) -> Executor {
            let (jobs, told, good) = (studio.jobs, told, good)
            var limits = ExecutorLimits()
            limits.pollSeconds = 3600
            limits.slots = 3
            var hooks = jobs.hooks
            hooks.toldOfDiscard = { told.add($0.taskID) }
            return Executor(
                database: studio.database, queue: studio.queue, worker: .current(), kinds: [JobService.taskKind],
                limits: limits, hooks: hooks,
                handler: { claim, _ in
                    guard let job = try? await jobs.job(of: claim) else { return }
                    _ = try? await jobs.finish(claim, job: job, artifacts: [], notes: [], processingSeconds: 1)
                    if job.id == healthy { good.open() }
                })
        }

        /// Waiting ones of two accounts: the first is what goes wrong, the second must not be touched by it.
        func twoJobs() async throws -> (Job, Job) {
            let first = try await studio.account(credits: 3)
            let second = try await studio.account(credits: 3, email: "healthy@example.org")
            return (try await studio.submit(first), try await studio.submit(second))
        }

        func asOwner(_ statements: [String]) async throws {
            try await DatabaseCaller.$current.withValue(.owner) {
                try await studio.database.write { connection in
                    for statement in statements { _ = try await connection.execute(statement, []) }
                }
            }
        }

        func state(ofTask id: String) async throws -> String? {
            try await studio.database.read { connection in
                try await connection.query("SELECT state FROM queue_tasks WHERE id = $1", [.text(id)])
                    .first?.text("state")
            }
        }
    }

    private final class Told: Sendable {
        private let names = Mutex<[String]>([])
        func add(_ name: String) { names.withLock { $0.append(name) } }
        var all: [String] { names.withLock { $0 } }
    }

    private func open(_ backend: Backend, _ body: (Stage) async throws -> Void) async throws {
        let time = ManualTime()
        try await backend.withDatabase(time: time) { database in
            try await body(Stage(studio: try await StudioFixture(time: time, on: database)))
        }
    }

    private func task(_ id: String, _ account: AccountID, running: Bool = false) -> String {
        let claim =
            running
            ? "'running', 1, '\(id)', 'h', 'b', 1, 1, 1, 1" : "'queued', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
        return """
            INSERT INTO queue_tasks (id, kind, fairness_key, priority, payload, run_at, created_at, state, attempt,
                token, worker_host, worker_boot, worker_pid, worker_start, claimed_at, lease_expires_at)
            VALUES ('\(id)', 'job', '\(account)', 0, '1', 1, 1, \(claim))
            """
    }

    private static let orphans = ["job_00000000000000000000000000000001", "rubbish", ""]

    @Test(arguments: Backend.allCases, [false, true])
    func `a task without a job costs nobody's but its own claim, waiting or left behind by a dead worker`(
        _ backend: Backend, _ isRunning: Bool
    ) async throws {
        try await open(backend) { stage in
            let studio = stage.studio
            let account = try await studio.account(credits: 3)
            let stranger = try await studio.account(credits: 3, email: "stranger@example.org")
            try await stage.asOwner(Self.orphans.map { task($0, stranger, running: isRunning) })
            let job = try await studio.submit(account)
            let executor = stage.executor(until: job.id)
            executor.start()
            await stage.good.wait()
            // What is woken for once more has nothing left to stumble over.
            executor.wake()
            await executor.shutdown(graceSeconds: 10)
            #expect(stage.told.all.sorted() == Self.orphans.sorted())
            for orphan in Self.orphans { #expect(try await stage.state(ofTask: orphan) == "failed") }
            #expect(try await studio.jobs.job(job.id, of: account).state == .completed)
        }
    }

    /// A server that stopped between its statements, or SQL on a request's login.
    @Test(arguments: [false, true])
    func `who holds his own feed for long keeps nobody else's job from starting or being rescued`(
        _ isRescue: Bool
    ) async throws {
        // SQLite's writers come one after the other anyway.
        try await open(.postgres) { stage in
            let studio = stage.studio
            let (held, good) = try await stage.twoJobs()
            if isRescue {
                _ = try await studio.claim()
                _ = try await studio.claim()
                studio.time.advance(seconds: 31)
            }
            let (isHeld, leave) = (Latch(), Latch())
            async let holding: Void = studio.database.write { connection in
                let feed = "SELECT position FROM job_feeds WHERE account_id = $1 FOR UPDATE"
                _ = try await connection.query(feed, [.text(held.accountID.text)])
                isHeld.open()
                await leave.wait()
            }
            await isHeld.wait()
            let executor = stage.executor(until: good.id)
            executor.start()
            await stage.good.wait()
            #expect(try await studio.jobs.job(held.id, of: held.accountID).state == (isRescue ? .running : .queued))
            leave.open()
            try await holding
            await executor.shutdown(graceSeconds: 10)
        }
    }

    @Test(arguments: Backend.allCases, Spoiling.allCases)
    func `a spoiled job that waits costs only itself, and gives back what it holds`(
        _ backend: Backend, _ spoiling: Spoiling
    ) async throws {
        try await open(backend) { stage in
            let studio = stage.studio
            let (bad, good) = try await stage.twoJobs()
            try await stage.asOwner(spoiling.statements(bad, stranger: good.accountID))
            let executor = stage.executor(until: good.id)
            executor.start()
            await stage.good.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(stage.told.all == [bad.id.text], "\(spoiling)")
            #expect(try await stage.state(ofTask: bad.id.text) == "failed")
            if spoiling.returnsCredits { #expect(try await studio.balance(bad.accountID).available == 3) }
            #expect(try await studio.jobs.job(good.id, of: good.accountID).state == .completed)
        }
    }

    @Test(arguments: Backend.allCases, Spoiling.allCases)
    func `a spoiled job of a dead worker keeps no other from being rescued`(
        _ backend: Backend, _ spoiling: Spoiling
    ) async throws {
        try await open(backend) { stage in
            let studio = stage.studio
            let (bad, good) = try await stage.twoJobs()
            let elsewhere = WorkerIdentity(host: "elsewhere", bootID: "b", pid: 1, startTicks: 1)
            for _ in 0..<2 { _ = try await studio.claim(worker: elsewhere) }
            try await stage.asOwner(spoiling.statements(bad, stranger: good.accountID))
            studio.time.advance(seconds: 31)
            let executor = stage.executor(until: good.id)
            executor.start()
            await stage.good.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(try await stage.state(ofTask: bad.id.text) == "failed", "\(spoiling)")
            #expect(try await studio.jobs.job(good.id, of: good.accountID).state == .completed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a job that lost its task gives its credits back when it is canceled`(_ backend: Backend) async throws {
        try await open(backend) { stage in
            let account = try await stage.studio.account(credits: 3)
            let job = try await stage.studio.submit(account)
            try await stage.asOwner(["DELETE FROM queue_tasks"])
            #expect(try await stage.studio.jobs.cancel(job.id, of: account).state == .canceled)
            #expect(try await stage.studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
        }
    }
}
