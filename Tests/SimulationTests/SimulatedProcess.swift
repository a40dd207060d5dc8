import Core
import JobQueue

/// A machine with a clock of its own.
final class SimulatedHost: @unchecked Sendable {
    // SAFETY: only touched by the run's one thread at a time.
    let name: String
    var skewSeconds: Double
    var boot = 1

    init(name: String, skewSeconds: Double) {
        self.name = name
        self.skewSeconds = skewSeconds
    }
}

/// One life of a program: from its start to its end or its crash.
///
/// SAFETY: only touched by the run's one thread at a time.
final class SimulatedProcess: @unchecked Sendable {
    let number: Int
    let host: SimulatedHost
    let identity: WorkerIdentity
    unowned let scheduler: Scheduler
    var isDead = false
    var isFrozen = false
    /// The network parts it from the database.
    var isCutOff = false
    /// Those with something to do.
    var threads: [LockstepThread] = []
    /// What is told of the death: clients that wait, the database's sessions.
    var deathWatchers: [() -> Void] = []
    private var identifiers = IdentifierSequence()

    init(number: Int, on host: SimulatedHost, of scheduler: Scheduler) {
        self.number = number
        self.host = host
        self.scheduler = scheduler
        identity = WorkerIdentity(
            host: host.name, bootID: "boot-\(host.boot)", pid: Int64(number), startTicks: Int64(number))
    }

    /// Where its tasks run.
    lazy var tasks = ProcessExecutor(self, isBlocking: false)
    /// Where it works on what blocks.
    lazy var pool = ProcessExecutor(self, isBlocking: true)
    lazy var time = ProcessTime(process: self)

    func nextIdentifier(at now: Timestamp) -> (high: UInt64, low: UInt64) {
        let (high, low) = identifiers.next(at: now) { scheduler.dice.next() }
        // The last digits name a blob's folder: with few of them blobs meet in one.
        return (high, low & ~0xFF | low & 0x7)
    }

    func die() {
        guard !isDead else { return }
        scheduler.kill(self)
        let watchers = deathWatchers
        deathWatchers = []
        for watcher in watchers { watcher() }
    }
}

/// Gives a process's jobs to the scheduler.
final class ProcessExecutor: TaskExecutor {
    private let process: SimulatedProcess
    private let isBlocking: Bool

    init(_ process: SimulatedProcess, isBlocking: Bool) {
        self.process = process
        self.isBlocking = isBlocking
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let (job, executor) = (UnownedJob(job), asUnownedTaskExecutor())
        process.scheduler.enqueue(isBlocking ? .blocking(job, executor) : .job(job, executor), of: process)
    }
}

/// The run's time, as the process's host shows it.
struct ProcessTime: TimeSource {
    /// 2026-01-01.
    static let epochMilliseconds: Int64 = 1_767_225_600_000

    let process: SimulatedProcess

    func now() -> Timestamp {
        let skew = Int64(process.host.skewSeconds * 1000)
        return Timestamp(milliseconds: Self.epochMilliseconds + process.scheduler.microseconds / 1000 + skew)
    }

    func uptimeMilliseconds() -> Int64 { process.scheduler.microseconds / 1000 }

    func pause(seconds: Double) async {
        // In a burial: a loop that pauses lets others end it.
        if process.isDead { return await Task.yield() }
        let wait = CancelableWait()
        await withTaskCancellationHandler {
            await withUnsafeContinuation { waiter in
                guard wait.begin(waiter) else { return waiter.resume() }
                process.scheduler.after(seconds: seconds) { wait.end() }
            }
        } onCancel: {
            wait.cancel()
        }
    }
}

/// The database's clock, which the queue goes by, beside the process's own way to wait.
struct DatabaseTime: TimeSource {
    let process: SimulatedProcess

    func now() -> Timestamp {
        Timestamp(milliseconds: ProcessTime.epochMilliseconds + process.scheduler.microseconds / 1000)
    }

    func uptimeMilliseconds() -> Int64 { process.time.uptimeMilliseconds() }

    func pause(seconds: Double) async { await process.time.pause(seconds: seconds) }
}

private final class CancelableWait: @unchecked Sendable {
    // SAFETY: only touched by the run's one thread at a time.
    private var waiter: UnsafeContinuation<Void, Never>?
    private var isCanceled = false

    func begin(_ waiter: UnsafeContinuation<Void, Never>) -> Bool {
        if !isCanceled { self.waiter = waiter }
        return !isCanceled
    }

    func end() {
        let waiter = waiter
        self.waiter = nil
        waiter?.resume()
    }

    func cancel() {
        isCanceled = true
        end()
    }
}
