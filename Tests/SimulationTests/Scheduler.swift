import Core
import Glibc
import Support

/// One run's time, dice and turns. Of all that is ready (a task to go on after an `await`, a thread to go on after a
/// call of the disk) the dice choose what runs next; time passes only when nothing is ready. So one number, the seed,
/// decides the whole run.
///
/// SAFETY: of the run's threads exactly one runs at any moment; semaphores hand over from one to the next.
final class Scheduler: @unchecked Sendable {
    enum Work {
        case job(UnownedJob, UnownedTaskExecutor)
        /// A job that may block, on a thread of its own.
        case blocking(UnownedJob, UnownedTaskExecutor)
        case thread(LockstepThread)
    }

    private struct Turn {
        let process: SimulatedProcess
        let work: Work
    }

    var dice: Dice
    let trace: Trace
    private(set) var microseconds: Int64 = 0
    /// Whose turn it is.
    private(set) var running: SimulatedProcess?
    private var ready: [Turn] = []
    private var held: [ObjectIdentifier: [Turn]] = [:]
    private var timers = TimerHeap()
    private var idle: [LockstepThread] = []
    private(set) var current: LockstepThread?
    private let handedBack = Semaphore()
    private var isOver = false
    /// What dead processes left undone.
    private var buried: [Work] = []
    private(set) var turnCount = 0

    init(seed: UInt64, trace: Trace) {
        dice = Dice(seed: seed)
        self.trace = trace
    }

    var seconds: Double { Double(microseconds) / 1e6 }

    // MARK: Threads

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    /// The run that the calling thread belongs to.
    static var ofThisThread: Scheduler? {
        // SAFETY: set by `adopt` to a scheduler that outlives its threads.
        pthread_getspecific(key).map { Unmanaged<Scheduler>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Makes the calling thread one of the run's.
    func adopt() {
        // SAFETY: unretained; whoever runs the simulation holds it until its threads have ended.
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    }

    /// The next one of the process whose turn it is; `nil`: the run has not begun or is over.
    func identifier(at now: Timestamp) -> (high: UInt64, low: UInt64)? { running?.nextIdentifier(at: now) }

    // MARK: Turns

    func enqueue(_ work: Work, of process: SimulatedProcess) {
        // What a dead process was about to do is never done.
        guard !isOver, !process.isDead else { return buried.append(work) }
        precondition(Scheduler.ofThisThread === self, "a task of the simulation ran outside of it")
        let turn = Turn(process: process, work: work)
        if process.isFrozen { held[ObjectIdentifier(process), default: []].append(turn) } else { ready.append(turn) }
    }

    func freeze(_ process: SimulatedProcess) {
        process.isFrozen = true
        let stopped = ready.filter { $0.process === process }
        ready.removeAll { $0.process === process }
        held[ObjectIdentifier(process), default: []] += stopped
    }

    func thaw(_ process: SimulatedProcess) {
        process.isFrozen = false
        ready += held.removeValue(forKey: ObjectIdentifier(process)) ?? []
    }

    /// The process is gone with all that it remembered. Its threads come to their ends without another effect.
    func kill(_ process: SimulatedProcess) {
        process.isDead = true
        process.isFrozen = false
        let left = (held.removeValue(forKey: ObjectIdentifier(process)) ?? []) + ready.filter { $0.process === process }
        buried += left.map(\.work)
        ready.removeAll { $0.process === process }
        for thread in process.threads { resume(thread, of: process) }
    }

    /// `action` on the scheduler's own thread, after so long.
    @discardableResult
    func after(seconds: Double, _ action: @escaping () -> Void) -> SimulatedTimer {
        let seconds = isOver ? 0 : seconds
        let timer = SimulatedTimer(at: microseconds + Int64(max(0, seconds) * 1e6), action)
        timers.insert(timer)
        return timer
    }

    /// Runs until `isDone` or nothing is left to do.
    func run(until isDone: () -> Bool) {
        while !isDone() {
            if ready.isEmpty {
                guard let timer = timers.removeFirst() else { return }
                microseconds = max(microseconds, timer.microseconds)
                timer.fire()
                continue
            }
            let place = dice.below(ready.count)
            let turn = ready[place]
            ready.swapAt(place, ready.count - 1)
            ready.removeLast()
            turnCount += 1
            trace.mix(UInt64(truncatingIfNeeded: microseconds))
            trace.mix(UInt64(turn.process.number) << 32 | UInt64(ready.count) << 16 | UInt64(place))
            perform(turn)
        }
    }

    /// All processes are dead. What they left undone comes to its end without effect, so that it is freed.
    /// - Returns: false if that did not end.
    func bury() -> Bool {
        isOver = true
        var steps = 0
        repeat {
            while let timer = timers.removeFirst() { timer.fire() }
            let works = buried
            buried = []
            for work in works {
                switch work {
                case .job(let job, let executor), .blocking(let job, let executor):
                    job.runSynchronously(on: executor)
                case .thread: break
                }
            }
            steps += works.count
        } while !buried.isEmpty && steps < Self.burialStepsMax
        for thread in idle { thread.end() }
        idle = []
        return buried.isEmpty
    }

    private static let burialStepsMax = 100_000

    private func perform(_ turn: Turn) {
        running = turn.process
        defer { running = nil }
        switch turn.work {
        case .job(let job, let executor): job.runSynchronously(on: executor)
        case .blocking(let job, let executor):
            let thread = idle.popLast() ?? LockstepThread(of: self)
            turn.process.threads.append(thread)
            thread.take(job, executor)
            resume(thread, of: turn.process)
        case .thread(let thread): resume(thread, of: turn.process)
        }
    }

    /// Lets a thread run until it pauses or has nothing more to do.
    private func resume(_ thread: LockstepThread, of process: SimulatedProcess) {
        let (before, whose) = (current, running)
        current = thread
        running = process
        thread.wake()
        handedBack.wait()
        current = before
        running = whose
        if thread.isIdle {
            process.threads.removeAll { $0 === thread }
            idle.append(thread)
        }
    }

    /// Called by a thread that pauses or is done.
    func handBack() { handedBack.signal() }

    /// The calling thread waits while others have their turns; returns at once in a process that is dead.
    func pause(seconds: Double, in process: SimulatedProcess) {
        guard !process.isDead, !isOver else { return }
        guard let thread = current else { return }
        after(seconds: seconds) { [self] in enqueue(.thread(thread), of: process) }
        thread.waitForTurn()
    }
}

/// What happens at a time.
final class SimulatedTimer {
    let microseconds: Int64
    private var action: (() -> Void)?

    init(at microseconds: Int64, _ action: @escaping () -> Void) {
        self.microseconds = microseconds
        self.action = action
    }

    func fire() {
        let action = action
        self.action = nil
        action?()
    }

    func cancel() { action = nil }
}

/// Timers by time, and of one time by their coming.
private struct TimerHeap {
    private var entries: [(order: (Int64, Int), timer: SimulatedTimer)] = []
    private var count = 0

    mutating func insert(_ timer: SimulatedTimer) {
        entries.append(((timer.microseconds, count), timer))
        count += 1
        var child = entries.count - 1
        while child > 0, entries[child].order < entries[(child - 1) / 2].order {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> SimulatedTimer? {
        guard let first = entries.first else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < entries.count }
            guard let least = children.min(by: { entries[$0].order < entries[$1].order }),
                entries[least].order < entries[parent].order
            else { return first.timer }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
