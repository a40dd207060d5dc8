public import Core
public import Database
internal import Synchronization

/// The visible pipeline: wake or poll → deadlines → heartbeat → doubts → rescue → claim → run.
///
/// A handler settles its claim itself, in its own transaction. Its flag is raised when the task is cancelled, lost, too
/// late or the process ends: `claim.stopReason` says which. What a handler leaves unsettled falls to `rescue`.
///
/// Deadlines and the pace of heartbeats go by the monotonic clock: the wall clock may be set.
public final class Executor: Sendable {
    public typealias Handler = @Sendable (Claim, CancellationFlag) async -> Void

    private struct Run {
        let claim: Claim
        let flag: CancellationFlag
        /// By the uptime in milliseconds.
        let deadline: Int64

        func stop(_ reason: StopReason) {
            claim.stop.stop(reason)
            flag.raise()
        }
    }

    private enum Phase { case new, working, draining, stopped }

    private struct State {
        var phase = Phase.new
        /// By the claim's token.
        var runs: [String: Run] = [:]
        /// Claims of which nobody knows whether they were committed: nobody works on them.
        var doubts: [Claim] = []
        var isWoken = true
        var isClaiming = false
        /// By the uptime in milliseconds.
        var lastHeartbeat: Int64?
        var lastRescue: Int64?
        var ticker: Task<Void, Never>?

        var inOrder: [Run] { runs.values.sorted { $0.claim.token < $1.claim.token } }
    }

    let database: any SQLDatabase
    let queue: TaskQueue
    let worker: WorkerIdentity
    let kinds: [String]
    let hooks: ExecutorHooks
    let isAlive: @Sendable (WorkerIdentity) -> Bool
    private let tasks: (any TaskExecutor)?
    private let limits: ExecutorLimits
    private let handler: Handler
    private let state = Mutex(State())
    private let turn = WakeSignal()
    private let settled = WakeSignal()

    /// - Parameters:
    ///   - tasks: where its tasks and handlers run; `nil`: where all do.
    ///   - isAlive: whether a process of this host and boot lives.
    public init(
        database: any SQLDatabase, queue: TaskQueue, worker: WorkerIdentity, kinds: [String],
        limits: ExecutorLimits = ExecutorLimits(), hooks: ExecutorHooks = ExecutorHooks(),
        tasks: (any TaskExecutor)? = nil,
        isAlive: @escaping @Sendable (WorkerIdentity) -> Bool = WorkerIdentity.isAlive,
        handler: @escaping Handler
    ) {
        self.database = database
        self.queue = queue
        self.worker = worker
        self.kinds = kinds
        self.limits = limits
        self.hooks = hooks
        self.tasks = tasks
        self.isAlive = isAlive
        self.handler = handler
    }

    /// Takes over what a dead predecessor held, then works until `shutdown`; a second call does nothing.
    public func start() {
        let isFirst = state.withLock { state -> Bool in
            guard state.phase == .new else { return false }
            state.phase = .working
            state.ticker = Task(executorPreference: tasks) { [turn, limits, time = queue.time] in
                while !Task.isCancelled {
                    await time.pause(seconds: limits.pollSeconds)
                    turn.raise()
                }
            }
            return true
        }
        guard isFirst else { return }
        Task(executorPreference: tasks) { await self.work() }
        turn.raise()
    }

    /// Says that there may be something to claim, or to cancel. Costs nothing to repeat.
    public func wake() {
        state.withLock { $0.isWoken = true }
        turn.raise()
    }

    /// Claims nothing more, lets handlers finish for the grace period, then stops them and gives back their tasks.
    public func shutdown(graceSeconds: Double) async {
        let wasWorking = state.withLock { state -> Bool in
            defer { state.phase = state.phase == .working ? .draining : .stopped }
            return state.phase == .working
        }
        guard wasWorking else { return }
        await waitUntilIdle(seconds: graceSeconds)
        let stopped = runs()
        for run in stopped { run.stop(.shutdown) }
        await waitUntilIdle(seconds: limits.stopSeconds)
        state.withLock { state in
            state.phase = .stopped
            state.ticker?.cancel()
        }
        turn.raise()
        await giveBackAtLast(stopped.map(\.claim) + state.withLock { $0.doubts })
    }

    // MARK: The pipeline

    private func work() async {
        await step { try await self.takeOver() }
        while state.withLock({ $0.phase != .stopped }) {
            await turn.wait()
            stopLateRuns()
            await step { try await self.heartbeat() }
            await resolveDoubts()
            await step { try await self.rescue() }
            await step { try await self.claim() }
        }
    }

    private func step(_ body: @Sendable () async throws -> Void) async {
        do {
            try await body()
        } catch {
            hooks.failed(error)
        }
    }

    private func stopLateRuns() {
        let now = queue.time.uptimeMilliseconds()
        for run in runs() where run.deadline <= now { run.stop(.deadline) }
    }

    /// What runs, in an order that does not depend on a dictionary's.
    private func runs() -> [Run] { state.withLock { $0.inOrder } }

    private static func isDue(_ last: Int64?, every seconds: Double, at now: Int64) -> Bool {
        last.map { now - $0 >= TaskQueue.milliseconds(seconds) } ?? true
    }

    private func heartbeat() async throws {
        let now = queue.time.uptimeMilliseconds()
        let runs = state.withLock { state -> [Run] in
            guard state.isWoken || Self.isDue(state.lastHeartbeat, every: limits.heartbeatSeconds, at: now) else {
                return []
            }
            state.isWoken = false
            state.lastHeartbeat = now
            return state.inOrder
        }
        guard !runs.isEmpty else { return }
        let claims = runs.map(\.claim)
        let beats: [Heartbeat]
        do {
            beats = try await database.write { [queue] connection in
                try await queue.heartbeat(claims, in: connection)
            }
        } catch {
            // Not put off until the next one is due: a lease has room for few that fail.
            state.withLock { $0.isWoken = true }
            throw error
        }
        for (run, beat) in zip(runs, beats) {
            switch beat {
            case .held: break
            case .cancelRequested: run.stop(.cancelRequested)
            case .lost: run.stop(.lost)
            }
        }
    }

    private func rescue() async throws {
        let now = queue.time.uptimeMilliseconds()
        let living = state.withLock { state -> [Claim]? in
            guard Self.isDue(state.lastRescue, every: limits.rescueSeconds, at: now) else { return nil }
            state.lastRescue = now
            return state.inOrder.map(\.claim)
        }
        // What runs here lives, also where the clock that leases go by was set forward.
        if let living { try await rescue(sparing: living) }
    }

    private func claim() async throws {
        let free = state.withLock { state -> Int in
            let free = state.phase == .working ? limits.slots - state.runs.count : 0
            state.isClaiming = free > 0
            return free
        }
        guard free > 0 else { return }
        defer {
            state.withLock { $0.isClaiming = false }
            settled.raise()
        }
        let outcome = await claimed(limit: free)
        let accepted = state.withLock { state -> [Run] in
            state.doubts += outcome.doubts
            guard state.phase == .working else { return [] }
            let now = queue.time.uptimeMilliseconds()
            let runs = outcome.claims.map { claim in
                Run(claim: claim, flag: CancellationFlag(), deadline: deadline(of: claim, from: now))
            }
            for run in runs { state.runs[run.claim.token] = run }
            return runs
        }
        // A shutdown that began meanwhile waits for this.
        if accepted.isEmpty { await giveBackAtLast(outcome.claims) }
        for run in accepted { perform(run) }
        // What was discarded has taken others' places.
        if outcome.hasDiscarded { turn.raise() }
        if let error = outcome.failure { throw error }
    }

    private func deadline(of claim: Claim, from now: Int64) -> Int64 {
        let seconds = hooks.deadlineSeconds(claim)
        // No number at all has passed; an endless one never does.
        guard seconds > 0 else { return now }
        return now + TaskQueue.milliseconds(min(seconds, 1e12))
    }

    private func perform(_ run: Run) {
        Task(executorPreference: tasks) { [self] in
            await handler(run.claim, run.flag)
            state.withLock { state in
                state.runs[run.claim.token] = nil
                if run.claim.isLeftUnsettled { state.doubts.append(run.claim) }
            }
            settled.raise()
            turn.raise()
        }
    }

    /// Gives back what may have been claimed, as soon as the database answers again: nobody has died of it.
    private func resolveDoubts() async {
        for claim in state.withLock({ $0.doubts }) {
            guard await giveBack(claim) else { return }
            state.withLock { state in state.doubts.removeAll { $0.token == claim.token } }
            turn.raise()
        }
    }

    // MARK: Shutdown

    private func waitUntilIdle(seconds: Double) async {
        let isOver = CancellationFlag()
        let timer = Task(executorPreference: tasks) { [settled, time = queue.time] in
            await time.pause(seconds: seconds)
            isOver.raise()
            settled.raise()
        }
        while state.withLock({ !$0.runs.isEmpty || $0.isClaiming }), !isOver.isRaised {
            await settled.wait()
        }
        timer.cancel()
    }

    /// How long a database that is away is waited for: what is not given back counts as a death later.
    private static let giveBackPauseSeconds: [Double] = [0.2, 0.5, 1, 2]

    private func giveBackAtLast(_ claims: [Claim]) async {
        var rest = claims
        for pause in Self.giveBackPauseSeconds + [0] {
            var failed: [Claim] = []
            for claim in rest where await !giveBack(claim) { failed.append(claim) }
            rest = failed
            guard !rest.isEmpty, pause > 0 else { return }
            await queue.time.pause(seconds: pause)
        }
    }

    /// A claim that its handler settled, or that was never made, is lost to us by now: nothing happens to it. `false`
    /// if the database could not be asked.
    private func giveBack(_ claim: Claim) async -> Bool {
        do {
            try await database.write { [self] connection in
                var report = RescueReport()
                switch try await queue.release(claim, in: connection) {
                case .scheduled: report.requeued.append(claim.taskID)
                case .canceled: report.canceled.append(claim.taskID)
                case .exhausted, .lost: return
                }
                try await follow(report, connection)
            }
            return true
        } catch {
            hooks.failed(error)
            return false
        }
    }
}
