internal import CLinux
internal import Core
internal import Glibc
internal import Synchronization

/// What epoll says about a descriptor.
public struct ReadyEvents: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = ReadyEvents(rawValue: EPOLLIN.rawValue)
    public static let writable = ReadyEvents(rawValue: EPOLLOUT.rawValue)
    /// The peer has shut its sending side down, alone or after ours (two bits; either says so).
    public static let peerClosed = ReadyEvents(rawValue: EPOLLRDHUP.rawValue | EPOLLHUP.rawValue)
    /// The socket has an error, such as a reset.
    public static let failed = ReadyEvents(rawValue: EPOLLERR.rawValue)
}

/// Hears of its descriptor's events, on the loop's thread.
public protocol EventSource: AnyObject {
    func ready(_ events: ReadyEvents)
}

/// A place in a loop's table; the generation tells one tenant of the place from the next.
public struct Registration: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32

    var tag: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// One thread, one epoll instance: descriptors, timers and Swift tasks take turns on it. Nothing on it may block.
///
/// As a `TaskExecutor` it hosts whole tasks. Work queued from its own thread goes to a plain array, other threads'
/// work through a lock and an eventfd.
public final class EventLoop: TaskExecutor, @unchecked Sendable {
    // SAFETY: `shared`, `afterEnd`, `thread` and `wake` are safe from any thread; everything else is touched only on
    // the loop's own thread, which `assertOnLoop` checks at each entry.
    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }
    private struct Slot {
        var generation: UInt32 = 0
        var source: (any EventSource)?
    }
    private struct Shared {
        var work: [Work] = []
        var isStopping = false
        var hasEnded = false
    }

    /// Work done between two looks at the descriptors: a flood of tasks must not starve them.
    static let workPerTurnMax = 512
    static let eventsPerTurnMax = 256

    private let shared = Mutex(Shared())
    private let afterEnd = Mutex(())
    private let thread = Atomic<UInt>(0)
    private let epoll: Int32
    private let wake: Int32

    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var local: [Work] = []
    private var localHead = 0
    private var timers = TimerQueue<() -> Void>()

    /// CLOCK_MONOTONIC in nanoseconds as of this turn's start.
    public private(set) var now = monotonicNanoseconds()

    private static let wakeTag = UInt64.max

    /// Starts the thread.
    /// - Throws: `SystemCallError` when descriptors or threads have run out.
    public init(name: String) throws(SystemCallError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard epoll >= 0, wake >= 0 else { throw SystemCallError("epoll_create1, eventfd") }
        // Edge-triggered: every write is a new edge, so the counter need never be read.
        var event = epoll_event(events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(u64: Self.wakeTag))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) == 0 else { throw SystemCallError("epoll_ctl") }
        let status = Self.startThread(ThreadStart(loop: self, name: name))
        guard status == 0 else { throw SystemCallError("pthread_create", code: status) }
    }

    deinit {
        close(epoll)
        close(wake)
    }

    // MARK: Work

    public func enqueue(_ job: consuming ExecutorJob) { submit(.job(UnownedJob(job))) }

    /// Runs `body` on the loop's thread: at once if called there, soon otherwise.
    public func execute(_ body: @escaping @Sendable () -> Void) {
        if isCurrent { body() } else { submit(.call(body)) }
    }

    /// Runs `body` on the loop's thread after what is queued already.
    public func later(_ body: @escaping @Sendable () -> Void) { submit(.call(body)) }

    /// True on the loop's own thread.
    public var isCurrent: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    /// Ends the thread once the work queued by then is done. A call made later runs where it is made, one at a time;
    /// a task given later would never run, so it traps.
    public func stop() {
        shared.withLock { $0.isStopping = true }
        signal()
    }

    private func submit(_ work: Work) {
        if isCurrent {
            local.append(work)
            return
        }
        let mustSignal = shared.withLock { shared -> Bool? in
            if shared.hasEnded { return nil }
            shared.work.append(work)
            return shared.work.count == 1
        }
        switch (mustSignal, work) {
        case (true, _): signal()
        case (false, _): break
        case (nil, .call(let body)): afterEnd.withLock { _ in runAfterEnd(body) }
        case (nil, .job): preconditionFailure("a task for a stopped event loop")
        }
    }

    /// For that time the calling thread is the loop's: what `body` calls may be called on the loop only. After it there
    /// is none: the kernel may give a thread's number to another.
    private func runAfterEnd(_ body: () -> Void) {
        thread.store(pthread_self(), ordering: .relaxed)
        body()
        // All of it: there is no next turn for what would be left.
        repeat { runLocal() } while !local.isEmpty
        thread.store(0, ordering: .relaxed)
    }

    private func signal() { eventfd_write(wake, 1) }

    // MARK: Descriptors

    /// Watches a descriptor, edge-triggered in both directions: one epoll_ctl in a connection's whole life, and
    /// back-pressure is simply not reading. The source must read or write until it would block.
    public func register(_ socket: borrowing Socket, _ source: any EventSource) throws(SystemCallError) -> Registration
    {
        let edges = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        return try register(descriptor: socket.descriptor, events: edges, source)
    }

    /// Watches for readability, level-triggered: for listeners, which stop before they have accepted everything.
    func registerListener(_ socket: borrowing Socket, _ source: any EventSource) throws(SystemCallError) -> Registration
    {
        try register(descriptor: socket.descriptor, events: EPOLLIN.rawValue, source)
    }

    /// Watches a descriptor that a C library owns, level-triggered: such a library need not read all there is.
    public func watch(
        descriptor: Int32, for events: ReadyEvents, _ source: any EventSource
    ) throws(SystemCallError) -> Registration {
        try register(descriptor: descriptor, events: events.rawValue, source)
    }

    /// Changes what a watched descriptor is watched for.
    public func watch(descriptor: Int32, for events: ReadyEvents, _ registration: Registration) {
        assertOnLoop()
        guard isCurrent(registration) else { return }
        var event = epoll_event(events: events.rawValue, data: epoll_data_t(u64: registration.tag))
        epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
    }

    /// Forgets a descriptor, to be called before it is closed; events already fetched for it are dropped.
    public func deregister(_ socket: borrowing Socket, _ registration: Registration) {
        deregister(descriptor: socket.descriptor, registration)
    }

    /// Forgets a watched descriptor, to be called before its owner closes it.
    public func deregister(descriptor: Int32, _ registration: Registration) {
        assertOnLoop()
        guard isCurrent(registration) else { return }
        let index = Int(registration.index)
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
        slots[index].source = nil
        slots[index].generation &+= 1
        freeSlots.append(registration.index)
    }

    /// False for one that was forgotten, also with all others at the loop's end.
    private func isCurrent(_ registration: Registration) -> Bool {
        let index = Int(registration.index)
        return index < slots.count && slots[index].generation == registration.generation
    }

    private func register(
        descriptor: Int32, events: UInt32, _ source: any EventSource
    ) throws(SystemCallError) -> Registration {
        assertOnLoop()
        let index = freeSlots.popLast() ?? UInt32(slots.count)
        if Int(index) == slots.count { slots.append(Slot()) }
        let registration = Registration(index: index, generation: slots[Int(index)].generation)
        var event = epoll_event(events: events, data: epoll_data_t(u64: registration.tag))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            let error = SystemCallError("epoll_ctl")
            freeSlots.append(index)
            throw error
        }
        slots[Int(index)].source = source
        return registration
    }

    // MARK: Timers

    /// Runs `body` on the loop once `seconds` have passed, unless cancelled. On the loop's thread only.
    public func after(seconds: Double, _ body: @escaping () -> Void) -> TimerID {
        at(now + UInt64(max(0, seconds) * 1e9), body)
    }

    /// Runs `body` on the loop once its clock, `now`, has reached `deadline`. On the loop's thread only.
    public func at(_ deadline: UInt64, _ body: @escaping () -> Void) -> TimerID {
        assertOnLoop()
        return timers.add(deadline: deadline, body)
    }

    public func cancel(_ timer: TimerID) {
        assertOnLoop()
        timers.cancel(timer)
    }

    // MARK: The turn

    public func assertOnLoop() { precondition(isCurrent, "not on the event loop's thread") }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsPerTurnMax)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), timeoutMilliseconds())
            precondition(count >= 0 || errno == EINTR, "epoll_wait: errno \(errno)")
            now = monotonicNanoseconds()
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
            while let action = timers.popDue(at: now) { action() }
            let isStopping = takeShared()
            runLocal()
            if isStopping && local.isEmpty && canEnd() { break }
        }
        // What still waits may hold the loop itself: a cycle that nothing else would break.
        afterEnd.withLock { _ in
            runAfterEnd {
                timers = TimerQueue()
                slots = []
                freeSlots = []
            }
        }
    }

    private func dispatch(_ event: epoll_event) {
        let tag = event.data.u64
        guard tag != Self.wakeTag else { return }
        let slot = slots[Int(tag & 0xFFFF_FFFF)]
        guard slot.generation == UInt32(tag >> 32), let source = slot.source else { return }
        source.ready(ReadyEvents(rawValue: event.events))
    }

    private func timeoutMilliseconds() -> Int32 {
        if !local.isEmpty { return 0 }
        guard let deadline = timers.earliest else { return -1 }
        let now = monotonicNanoseconds()
        // Rounded up: a timer that wakes too early would spin until its time has come.
        return deadline <= now ? 0 : Int32(clamping: (deadline - now + 999_999) / 1_000_000)
    }

    /// Moves other threads' work over; returns whether the loop is to end.
    private func takeShared() -> Bool {
        shared.withLock { shared in
            if local.isEmpty {
                swap(&local, &shared.work)
            } else {
                local.append(contentsOf: shared.work)
                shared.work.removeAll(keepingCapacity: true)
            }
            return shared.isStopping
        }
    }

    /// True, once and for all, if nothing came in since the last look.
    private func canEnd() -> Bool {
        shared.withLock { shared in
            shared.hasEnded = shared.work.isEmpty
            return shared.hasEnded
        }
    }

    private func runLocal() {
        let executor = asUnownedTaskExecutor()
        var done = 0
        while localHead < local.count && done < Self.workPerTurnMax {
            let work = local[localHead]
            localHead += 1
            done += 1
            switch work {
            case .job(let job): job.runSynchronously(on: executor)
            case .call(let body): body()
            }
        }
        if localHead == local.count {
            local.removeAll(keepingCapacity: true)
        } else {
            local.removeFirst(localHead)
        }
        localHead = 0
    }

    // MARK: The thread

    /// 0 or an errno.
    private static func startThread(_ start: ThreadStart) -> Int32 {
        var handle = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // SAFETY: the retained reference is balanced by takeRetainedValue in the thread's entry, or by the release.
        let context = Unmanaged.passRetained(start)
        let status = pthread_create(&handle, &attributes, { EventLoop.enter($0) }, context.toOpaque())
        pthread_attr_destroy(&attributes)
        if status != 0 { context.release() }
        return status
    }

    private static func enter(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        // SAFETY: `context` is the retained ThreadStart of startThread, taken exactly once.
        let start = Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
        start.loop.thread.store(pthread_self(), ordering: .relaxed)
        cadenza_name_this_thread(start.name)
        start.loop.run()
        return nil
    }
}

private final class ThreadStart: Sendable {
    let loop: EventLoop
    let name: String

    init(loop: EventLoop, name: String) {
        self.loop = loop
        self.name = name
    }
}
