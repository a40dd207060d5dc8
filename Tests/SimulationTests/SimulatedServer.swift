import Blobs
import Core
import Database
import JobQueue
import Ledger
import Studio
import Telemetry
import Workers

/// What a running server consists of: the product's rooms, wired as `cadenza serve` does it.
///
/// SAFETY: only touched by the run's one thread at a time.
final class ServerLife: @unchecked Sendable {
    let process: SimulatedProcess
    let database: SimulatedDatabase
    let ledger: CreditLedger
    let jobs: JobService
    private let broadcast: WakeBroadcast
    private let target = Target()
    private var sweeper: Task<Void, Never>?

    private final class Target: @unchecked Sendable {
        // SAFETY: only touched by the run's one thread at a time.
        var executor: Executor?
    }

    init(_ process: SimulatedProcess, in run: Run) throws {
        self.process = process
        let time = process.time
        database = SimulatedDatabase(run.database, for: process)
        ledger = CreditLedger(time: time)
        let queue = TaskQueue(time: DatabaseTime(process: process), limits: run.plan.queue)
        let blobs = try LocalBlobStore(root: run.disk.root, files: ProcessFiles(run.disk, for: process), time: time)
        let broadcast = WakeBroadcast(
            time: time, tasks: process.tasks, send: { [weak run] in run?.wakeOthers(than: process) })
        self.broadcast = broadcast
        let target = target
        jobs = JobService(
            database: database, ledger: ledger, queue: queue, blobs: blobs, disk: process.pool,
            services: [run.plan.service], limits: run.plan.jobs, inspector: SimulatedInspector(),
            hub: JobEventHub(), time: time,
            wakeWorkers: {
                target.executor?.wake()
                broadcast.raise()
            })
        let runner = JobRunner(
            jobs: jobs, blobs: blobs, runners: [run.plan.service.name: SimulatedEngine(process: process, run: run)],
            pool: process.pool, tasks: process.tasks, log: run.log, time: time, ended: { _ in })
        var hooks = jobs.hooks
        let follow = hooks.rescued
        hooks.rescued = { [weak run] in
            run?.rescued($0)
            return try await follow($0, $1)
        }
        hooks.toldOfDiscard = { [weak run] in run?.violated("\($0.taskID) was discarded: \($0.reason)") }
        hooks.failed = { [weak run] in run?.note("executor.failed", "\($0)") }
        target.executor = Executor(
            database: database, queue: queue, worker: process.identity, kinds: [JobService.taskKind],
            limits: run.plan.executor, hooks: hooks, tasks: process.tasks,
            isAlive: { [weak run] in run?.isAlive($0) ?? false },
            handler: { await runner.run($0, cancellation: $1) })
    }

    /// Opens the doors.
    func start(sweepSeconds: Double) {
        Task(executorPreference: process.tasks) { [self] in
            while !process.isDead {
                do throws(JobError) {
                    try await jobs.claimBlobs()
                    break
                } catch {
                    await process.time.pause(seconds: 0.5)
                }
            }
            guard !process.isDead else { return }
            target.executor?.start()
            sweeper = Task(executorPreference: process.tasks) { [self] in
                while !Task.isCancelled {
                    do throws(JobError) {
                        let report = try await jobs.sweep()
                        process.scheduler.trace.count("swept.orphans", report.orphans)
                    } catch {
                        process.scheduler.trace.note("sweep.failed", at: process.scheduler.seconds, "\(error)")
                    }
                    await process.time.pause(seconds: sweepSeconds)
                }
            }
        }
    }

    func wake() { target.executor?.wake() }

    /// Ends its loops once the process is dead, so that its memory is freed.
    func bury() {
        Task(executorPreference: process.tasks) { [self] in
            await stop(graceSeconds: 0)
            target.executor = nil
        }
    }

    /// As at SIGTERM.
    func stop(graceSeconds: Double) async {
        sweeper?.cancel()
        await target.executor?.shutdown(graceSeconds: graceSeconds)
        await sweeper?.value
        broadcast.raise()
        await broadcast.close()
    }
}

/// A place where one life of a server follows the other.
///
/// SAFETY: only touched by the run's one thread at a time.
final class SimulatedServer: @unchecked Sendable {
    let host: SimulatedHost
    unowned let run: Run
    /// `nil`: nobody answers there.
    private(set) var life: ServerLife?
    private(set) var isStopping = false

    init(on host: SimulatedHost, in run: Run) {
        self.host = host
        self.run = run
    }

    /// Blocks on the disk, so not on a task of the server itself.
    func start() {
        guard life == nil, !run.isClosing else { return }
        let process = run.newProcess(on: host)
        do {
            let life = try ServerLife(process, in: run)
            self.life = life
            run.keep(life)
            run.note("server.started", "process \(process.number) on \(host.name)")
            life.start(sweepSeconds: run.plan.sweepSeconds)
        } catch {
            // The disk does not let it start; whoever watches over it tries again.
            run.note("server.not.started", "\(error)")
            process.die()
            run.scheduler.after(seconds: 1) { self.start() }
        }
    }

    func crash() {
        guard let life else { return }
        self.life = nil
        run.note("server.crashed", "process \(life.process.number)")
        life.process.die()
    }

    /// In order: from the call on it takes no requests.
    func stop(graceSeconds: Double) async {
        guard let life, !isStopping else { return }
        isStopping = true
        run.note("server.stopping", "process \(life.process.number)")
        let process = life.process
        await run.world.work(on: process) { await life.stop(graceSeconds: graceSeconds) }
        isStopping = false
        guard self.life === life else { return }
        self.life = nil
        run.note("server.stopped", "process \(process.number)")
        process.die()
    }
}
