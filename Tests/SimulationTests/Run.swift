import Core
import Database
import Glibc
import JobQueue
import Ledger
import Studio
import Support
import Telemetry

/// One run of the simulator: some servers, clients and faults, then calm, then a look at what came of it.
///
/// SAFETY: only touched by the run's one thread at a time.
final class Run: @unchecked Sendable {
    let seed: UInt64
    let plan: Plan
    let trace: Trace
    let scheduler: Scheduler
    let database: SimulatedDatabaseServer
    let disk: SimulatedDisk
    let log: Logger
    private(set) var world: World
    private(set) var servers: [SimulatedServer] = []
    /// No more faults: what is to end must come to its end.
    private(set) var isCalm = false
    /// Servers stop, and none is started again.
    private(set) var isClosing = false
    private(set) var calmSince = Double.infinity
    /// What the clients were told.
    let memory = ClientMemory()
    private(set) var violations: [String] = []
    private var processes: [SimulatedProcess] = []
    private var lives: [ServerLife] = []
    private var underWay: [JobID: Set<Int>] = [:]
    private var openEnds = 0
    private var isDone = false

    /// - Parameters:
    ///   - folder: empty; the caller removes it.
    ///   - template: a file with the product's schema.
    init(seed: UInt64, in folder: TemporaryDirectory, template: [UInt8], log: Logger, keepsLines: Bool) throws {
        self.seed = seed
        self.log = log
        trace = Trace(keepsLines: keepsLines)
        scheduler = Scheduler(seed: seed, trace: trace)
        plan = Plan(&scheduler.dice)
        database = try SimulatedDatabaseServer(path: folder.write(template, "run.sqlite"), scheduler: scheduler)
        disk = SimulatedDisk(root: folder.path("data"), scheduler: scheduler)
        let (scheduler, skew) = (scheduler, plan.skewSecondsMax)
        let hosts = (0..<plan.hostCount).map { number in
            SimulatedHost(name: "host-\(number)", skewSeconds: scheduler.dice.seconds(-skew...skew))
        }
        let outside = SimulatedHost(name: "outside", skewSeconds: 0)
        world = World(SimulatedProcess(number: 0, on: outside, of: scheduler))
        processes = [world.process]
        servers = (0..<plan.serverCount).map { SimulatedServer(on: hosts[$0 % hosts.count], in: self) }
    }

    // MARK: What the parts tell

    func note(_ kind: String, _ detail: @autoclosure () -> String = "") {
        trace.note(kind, at: scheduler.seconds, detail())
    }

    /// A rule was broken.
    func violated(_ rule: String) {
        note("VIOLATED", rule)
        if violations.count < 20, !violations.contains(rule) { violations.append(rule) }
    }

    func newProcess(on host: SimulatedHost) -> SimulatedProcess {
        let process = SimulatedProcess(number: processes.count, on: host, of: scheduler)
        processes.append(process)
        return process
    }

    func keep(_ life: ServerLife) { lives.append(life) }

    func isAlive(_ worker: WorkerIdentity) -> Bool {
        processes.contains { $0.identity == worker && !$0.isDead }
    }

    func process(_ number: Int64) -> SimulatedProcess { processes[Int(number)] }

    /// After a commit of one server the others hear of it, mostly.
    func wakeOthers(than process: SimulatedProcess) {
        for server in servers where server.life.map({ $0.process !== process }) == true {
            if !isCalm, scheduler.dice.chance(plan.noticeLoss) {
                trace.count("notice.lost")
                continue
            }
            scheduler.after(seconds: scheduler.dice.seconds(0.001...0.2)) { server.life?.wake() }
        }
    }

    func rescued(_ report: RescueReport) {
        for _ in report.requeued { note("task.rescued") }
        for _ in report.exhausted { note("task.exhausted") }
        for _ in report.canceled { note("task.canceled.by.rescue") }
    }

    func engineBegan(_ job: Job, on process: SimulatedProcess) {
        underWay[job.id, default: []].insert(job.attempt)
        if underWay[job.id, default: []].count > 1 { note("engines.on.one.job", "\(job.id)") }
    }

    func engineEnded(_ job: Job, on process: SimulatedProcess) { underWay[job.id]?.remove(job.attempt) }

    /// A server dies of what it does, and is started again.
    func crash(_ process: SimulatedProcess) {
        guard let server = servers.first(where: { $0.life?.process === process }) else { return }
        server.crash()
        scheduler.after(seconds: scheduler.dice.seconds(0.05...20)) { server.start() }
    }

    // MARK: The run

    /// Blocks the calling thread, which becomes the run's, until the run is over.
    func perform() {
        scheduler.adopt()
        disk.prepare()
        let inspector = Inspector(self)
        database.committed = { inspector.committed() }
        disk.removing = { inspector.removing($0) }
        disk.wasCut = { inspector.powerWasCut() }
        database.killing = { [self] in crash($0) }
        database.faults = plan.database
        world.spawn { [self] in
            await main(inspector)
            isDone = true
        }
        scheduler.run { isDone || !violations.isEmpty && scheduler.seconds > Self.secondsMax }
        if !isDone { violated("the run did not come to its end by \(Int(scheduler.seconds)) s") }
        bury()
    }

    private static let secondsMax = 100_000.0

    private func main(_ inspector: Inspector) async {
        await open(inspector)
        let clients = Clients(self)
        for number in 0..<plan.submitterCount { join { await clients.submit(number) } }
        for number in 0..<plan.buyerCount { join { await clients.buy(number) } }
        let gremlin = Gremlin(self)
        disk.faults = plan.disk
        for _ in 0..<plan.faultCount {
            let moment = scheduler.dice.seconds(0...plan.faultSeconds)
            join {
                await self.world.time.pause(seconds: moment)
                await gremlin.strike()
            }
        }
        await world.time.pause(seconds: plan.faultSeconds)
        calm()
        let end = scheduler.seconds + Plan.settlingSecondsMax
        while openEnds > 0 || !inspector.hasAllEnded(), scheduler.seconds < end {
            await world.time.pause(seconds: 0.5)
        }
        if openEnds > 0 { violated("\(openEnds) clients or faults have not come to their ends") }
        await close()
        await inspector.finish()
    }

    private func open(_ inspector: Inspector) async {
        // The books exist before the faults begin.
        database.faults = DatabaseFaults()
        await Clients(self).openAccounts()
        database.faults = plan.database
        for server in servers { server.start() }
    }

    private func calm() {
        note("calm")
        isCalm = true
        calmSince = scheduler.seconds
        database.faults = DatabaseFaults()
        database.isReached = true
        disk.faults = DiskFaults()
        for server in servers {
            if let life = server.life, life.process.isFrozen { scheduler.thaw(life.process) }
            server.start()
        }
    }

    /// Every server stops in order.
    private func close() async {
        openEnds = 0
        isClosing = true
        for server in servers { join { await server.stop(graceSeconds: 5) } }
        let end = scheduler.seconds + 60
        while openEnds > 0, scheduler.seconds < end { await world.time.pause(seconds: 0.1) }
        if openEnds > 0 { violated("\(openEnds) servers did not stop in order") }
    }

    private func join(_ body: @escaping @Sendable () async -> Void) {
        openEnds += 1
        world.spawn { [self] in
            await body()
            openEnds -= 1
        }
    }

    var outcome: Outcome {
        Outcome(
            seed: seed, violations: violations, hash: trace.hash, counts: trace.counts, lines: trace.lines,
            seconds: scheduler.seconds, turns: scheduler.turnCount)
    }

    private func bury() {
        trace.isClosed = true
        for process in processes { process.die() }
        for life in lives { life.bury() }
        if !scheduler.bury() { violations.append("what dead processes left undone does not come to its end") }
        lives = []
        database.committed = nil
        disk.removing = nil
        disk.wasCut = nil
        database.killing = nil
        database.close()
    }
}

/// Those who are outside of the servers: clients, faults, the observer.
final class World: Sendable {
    let process: SimulatedProcess
    var time: ProcessTime { process.time }

    init(_ process: SimulatedProcess) { self.process = process }

    func spawn(_ body: @escaping @Sendable () async -> Void) {
        Task(executorPreference: process.tasks) { await body() }
    }

    /// Works on a server's process. `nil`: it died, or took longer than `seconds`; the work may go on then.
    func work<Value: Sendable>(
        on process: SimulatedProcess, within seconds: Double? = nil, _ body: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let scheduler = process.scheduler
        let answer = Answer<Value>()
        return await withUnsafeContinuation { waiter in
            answer.waiter = waiter
            guard !process.isDead else { return answer.give(nil) }
            process.deathWatchers.append { answer.give(nil) }
            let task = Task(executorPreference: process.tasks) {
                let value = await body()
                scheduler.after(seconds: scheduler.dice.seconds(0.0005...0.01)) { answer.give(value) }
            }
            guard let seconds else { return }
            scheduler.after(seconds: seconds) {
                guard answer.waiter != nil else { return }
                // Who has gone away needs no answer.
                task.cancel()
                answer.give(nil)
            }
        }
    }
}

private final class Answer<Value: Sendable>: @unchecked Sendable {
    // SAFETY: only touched by the run's one thread at a time.
    var waiter: UnsafeContinuation<Value?, Never>?

    func give(_ value: Value?) {
        let waiter = waiter
        self.waiter = nil
        waiter?.resume(returning: value)
    }
}
