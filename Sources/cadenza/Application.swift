import API
import Accounts
import Blobs
import Config
import Core
import Database
import Engines
import HTTP
import HTTPServer
import JobQueue
import Ledger
import Media
import Models
import Page
import Postgres
import Reactor
import Studio
import Synchronization
import Telemetry
import Workers

/// The one place where the rooms are wired to each other: the whole server, from its settings to its last answer.
final class Application: Sendable {
    private static let sweepSeconds: Double = 600

    let store: Store
    let log: Logger
    private let jobs: JobService
    private let hub: JobEventHub
    private let executor: Executor
    private let http: HTTPServer.Server
    private let broadcasts: [WakeBroadcast]
    private let listener = Mutex<PostgresListener?>(nil)
    private let housekeeping = Mutex<[Task<Void, Never>]>([])

    /// - Parameter isDevelopment: adds the routes that only developers and conformance suites need.
    init(store: Store, host: ServerHost, isDevelopment: Bool = false) throws {
        self.store = store
        let log = host.log
        self.log = log
        let (settings, metrics) = (store.settings, Metrics())
        let relay = JobRelay()
        let news = Self.broadcast(to: store.notices, log) { try await $0.tell(relay.take()) }
        hub = JobEventHub(
            watchersPerAccountMax: settings.http.websocketsPerAccountMax,
            told: { notice in
                guard let news else { return }
                relay.add(notice)
                news.raise()
            })
        let blobs = try LocalBlobStore(root: settings.data.directory)
        let disk = BlockingPool(name: "disk", threads: 4)
        let queue = TaskQueue(time: store.time, limits: settings.queueLimits, clock: .database)
        let wake = WakeUp()
        let broadcast = Self.broadcast(to: store.notices, log) { try await $0.wake() }
        broadcasts = [broadcast, news].compactMap(\.self)
        let models = try InstalledModels(settings: settings)
        jobs = JobService(
            database: store.database, ledger: store.ledger, queue: queue, blobs: blobs, disk: disk,
            services: [models.separationService(settings)], limits: settings.jobLimits,
            inspector: MediaInputInspector(limits: settings.mediaLimits, threads: 2), hub: hub, time: store.time,
            wakeWorkers: {
                wake.wake()
                broadcast?.raise()
            })

        let ended = Self.jobCounters(metrics)
        let runner = JobRunner(
            jobs: jobs, blobs: blobs, runners: ["separation": models.separationRunner(settings)],
            pool: BlockingPool(name: "worker", threads: max(1, settings.workers.slots), niceness: Self.workerNiceness),
            log: log, time: store.time, ended: { ended[$0]?.increment() })
        executor = Self.makeExecutor(store, queue, jobs, runner, log)
        wake.target = executor

        let database = store.database
        var options = settings.pipelineOptions
        options.servesDevelopmentRoutes = isDevelopment
        if isDevelopment { log.warning("development routes are on: /ws/echo") }
        options.site = try Self.site(settings, disk, store.time)
        let pipeline = try Pipeline(
            services: Services(
                accounts: store.accounts, books: LedgerReader(database: database, ledger: store.ledger), jobs: jobs,
                isReady: { await Self.answers(database) }),
            limits: settings.apiLimits, options: options, log: log, metrics: metrics, time: store.time)
        let tls = try settings.tlsContext()
        Self.report(tls, log)
        http = HTTPServer.Server(
            configuration: settings.serverConfiguration(tls: tls, problem: { pipeline.answer($0, isSecure: $1) }),
            loops: host.loops, log: log, metrics: metrics, answer: { pipeline.answer($0) })
    }

    /// Reads certificates and keys anew, for new connections; session tickets get new keys with it. What cannot be
    /// used changes nothing.
    func reloadCertificates() {
        do throws(TLSError) {
            guard let tls = try store.settings.tlsContext() else { return }
            http.replace(tls: tls)
            log.info("certificates read anew")
            Self.report(tls, log)
        } catch {
            log.error("the old certificates stay", ["cause": error])
        }
    }

    private static func report(_ tls: TLSContext?, _ log: Logger) {
        for warning in tls?.warnings ?? [] { log.warning(warning) }
    }

    /// The built-in page, under the operator's folder if there is one.
    private static func site(
        _ settings: Settings, _ disk: BlockingPool, _ time: any TimeSource
    ) throws -> any StaticSite {
        let page = try WebPage.embedded(time: time)
        let folder = settings.http.staticDirectory
        guard !folder.isEmpty else { return page }
        do {
            return try StaticFolder(path: folder, pool: disk, base: page, time: time)
        } catch {
            throw CommandFailure("http.static_directory: \(folder) cannot be opened: \(error)", exit: .config)
        }
    }

    private static func jobCounters(_ metrics: Metrics) -> [JobState: Counter] {
        JobState.allCases.reduce(into: [:]) { counters, state in
            counters[state] = metrics.counter(
                "cadenza_jobs_total", help: "Jobs that a worker of this process settled or put back",
                labels: ["state": state.rawValue])
        }
    }

    /// Below the loops', so that the server answers while engines compute.
    private static let workerNiceness: Int32 = 5

    private static func broadcast(
        to notices: ServerNotices?, _ log: Logger, _ send: @escaping @Sendable (ServerNotices) async throws -> Void
    ) -> WakeBroadcast? {
        notices.map { notices in
            WakeBroadcast(
                send: { try await send(notices) },
                failed: { log.warning("other servers were not told", ["cause": "\($0)"]) })
        }
    }

    private static func makeExecutor(
        _ store: Store, _ queue: TaskQueue, _ jobs: JobService, _ runner: JobRunner, _ log: Logger
    ) -> Executor {
        var hooks = jobs.hooks
        hooks.toldOfDiscard = { log.error("task discarded", ["task": $0.taskID, "reason": $0.reason]) }
        hooks.failed = { log.error("queue", ["error": "\($0)"]) }
        return Executor(
            database: store.database, queue: queue, worker: .current(), kinds: [JobService.taskKind],
            limits: store.settings.executorLimits, hooks: hooks, handler: { await runner.run($0, cancellation: $1) })
    }

    private static func answers(_ database: any SQLDatabase) async -> Bool {
        do {
            _ = try await database.read { try await $0.query("SELECT 1 AS one", []) }
            return true
        } catch {
            return false
        }
    }

    /// Opens the doors. Returns the port that was bound.
    func start() async throws -> UInt16 {
        do {
            try await jobs.claimBlobs()
        } catch {
            guard case .foreignBlobs = error else { throw error }
            throw CommandFailure(
                "the blobs in \(store.settings.data.directory) belong to another database than database.url's",
                exit: .config)
        }
        let port = try http.start()
        // Without slots the server takes jobs in and leaves them to others.
        if store.settings.workers.slots > 0 { executor.start() }
        let listening = store.notices?.listen(log) { [executor, hub] word in
            switch word {
            case .wake: executor.wake()
            case .jobs(let notices): for notice in notices { hub.hear(notice) }
            case .somethingMissed:
                executor.wake()
                hub.lookAgain()
            }
        }
        listener.withLock { $0 = listening }
        let (jobs, hub, log) = (jobs, hub, log)
        let tasks = [
            Self.every(store.settings.http.eventHeartbeatSeconds) { hub.heartbeat() },
            Self.every(Self.sweepSeconds) {
                do {
                    let report = try await jobs.sweep()
                    guard !report.isEmpty else { return }
                    log.info(
                        "swept",
                        [
                            "inputs": report.inputs, "results": report.results, "orphans": report.orphans,
                            "failures": report.failures,
                        ])
                } catch {
                    log.error("sweep failed", ["error": "\(error)"])
                }
            },
        ]
        housekeeping.withLock { $0 = tasks }
        return port
    }

    /// Closes the doors, lets what runs come to its end within the grace, puts the rest back, closes the database.
    func stop() async {
        let tasks = housekeeping.withLock { $0 }
        for task in tasks { task.cancel() }
        hub.close()
        async let drained: Void = http.drain()
        async let stopped: Void = executor.shutdown(graceSeconds: store.settings.http.drainSeconds)
        _ = await (drained, stopped)
        for task in tasks { await task.value }
        // What was put back is for the others.
        for broadcast in broadcasts {
            broadcast.raise()
            await broadcast.close()
        }
        listener.withLock { $0?.close() }
        await store.close()
        await log.flush()
    }

    /// Runs `body` now and every so many seconds.
    private static func every(_ seconds: Double, _ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                await body()
                try? await Task.sleep(for: .seconds(seconds))
            }
        }
    }
}
