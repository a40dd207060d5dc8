public import Core
public import Database
internal import Synchronization

/// The visible pipeline: wake or poll → deadlines → heartbeat → rescue → claim → run.
///
/// A handler settles its claim itself, in its own transaction. Its flag is raised when the task is cancelled, lost, too
/// late or the process ends: `claim.stopReason` says which. What a handler leaves unsettled falls to `rescue`.
public final class Executor: Sendable {
    public typealias Handler = @Sendable (Claim, CancellationFlag) async -> Void

    private struct Run {
        let claim: Claim
        let flag: CancellationFlag
        let deadline: Timestamp

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
        var isWoken = true
        var isClaiming = false
        var lastHeartbeat = Timestamp(milliseconds: 0)
        var lastRescue = Timestamp(milliseconds: 0)
        var ticker: Task<Void, Never>?

        var inOrder: [Run] { runs.values.sorted { $0.claim.token < $1.claim.token } }
    }

    private let database: any SQLDatabase
    private let queue: TaskQueue
    private let worker: WorkerIdentity
    private let kinds: [String]
    private let limits: ExecutorLimits
    private let hooks: ExecutorHooks
    private let tasks: (any TaskExecutor)?
    private let isAlive: @Sendable (WorkerIdentity) -> Bool
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
        await giveBack(stopped.map(\.claim))
    }

    // MARK: The pipeline

    private func work() async {
        await step { try await self.takeOver() }
        while state.withLock({ $0.phase != .stopped }) {
            await turn.wait()
            stopLateRuns()
            await step { try await self.heartbeat() }
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

    private func takeOver() async throws {
        try await database.write { [queue, worker, hooks, isAlive] connection in
            let report = try await queue.takeOver(as: worker, isAlive: isAlive, in: connection)
            if !report.isEmpty { try await hooks.rescued(report, connection) }
        }
    }

    private func stopLateRuns() {
        let now = queue.time.now()
        for run in runs() where run.deadline <= now { run.stop(.deadline) }
    }

    /// What runs, in an order that does not depend on a dictionary's.
    private func runs() -> [Run] { state.withLock { $0.inOrder } }

    private func heartbeat() async throws {
        let now = queue.time.now()
        let runs = state.withLock { state -> [Run] in
            // A clock that was set back must not put heartbeats off.
            let isDue = abs(now.seconds(since: state.lastHeartbeat)) >= limits.heartbeatSeconds
            guard state.isWoken || isDue else { return [] }
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
        let now = queue.time.now()
        let isDue = state.withLock { state -> Bool in
            let isDue = abs(now.seconds(since: state.lastRescue)) >= limits.rescueSeconds
            if isDue { state.lastRescue = now }
            return isDue
        }
        guard isDue else { return }
        try await database.write { [queue, hooks] connection in
            let report = try await queue.rescue(in: connection)
            if !report.isEmpty { try await hooks.rescued(report, connection) }
        }
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
        let claims = try await database.write { [queue, worker, kinds, hooks] connection in
            let claims = try await queue.claim(worker: worker, kinds: kinds, limit: free, in: connection)
            if !claims.isEmpty { try await hooks.claimed(claims, connection) }
            return claims
        }
        let accepted = state.withLock { state -> [Run] in
            guard state.phase == .working else { return [] }
            let runs = claims.map { claim in
                let deadline = claim.claimedAt.adding(seconds: hooks.deadlineSeconds(claim))
                return Run(claim: claim, flag: CancellationFlag(), deadline: deadline)
            }
            for run in runs { state.runs[run.claim.token] = run }
            return runs
        }
        // A shutdown that began meanwhile waits for this.
        if accepted.isEmpty { await giveBack(claims) }
        for run in accepted { perform(run) }
    }

    private func perform(_ run: Run) {
        Task(executorPreference: tasks) { [self] in
            await handler(run.claim, run.flag)
            state.withLock { _ = $0.runs.removeValue(forKey: run.claim.token) }
            settled.raise()
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

    /// A claim that its handler settled is lost to us by now: nothing happens to it.
    private func giveBack(_ claims: [Claim]) async {
        for claim in claims {
            await step {
                try await self.database.write { [queue = self.queue, hooks = self.hooks] connection in
                    var report = RescueReport()
                    switch try await queue.release(claim, in: connection) {
                    case .scheduled: report.requeued.append(claim.taskID)
                    case .canceled: report.canceled.append(claim.taskID)
                    case .exhausted, .lost: return
                    }
                    try await hooks.rescued(report, connection)
                }
            }
        }
    }
}
