internal import CLinux
internal import Glibc
internal import Synchronization

/// A few threads for work that blocks (SQLite, file writes, hashing), so that no event loop ever does.
///
/// As a `TaskExecutor` it can also host whole tasks. A pool of one thread runs its jobs in order, one at a time.
public final class BlockingPool: TaskExecutor {
    private let queue: JobDeque

    /// - Parameter niceness: the threads': 0 leaves the process's own, for request work; above it for computations.
    public init(name: String, threads: Int, niceness: Int32 = 0) {
        precondition(threads > 0)
        queue = JobDeque()
        for index in 0..<threads {
            Self.startThread(PoolThread(queue: queue, name: "\(name)-\(index)", niceness: niceness))
        }
    }

    deinit { queue.close() }

    public func enqueue(_ job: consuming ExecutorJob) {
        queue.append(UnownedJob(job), executor: asUnownedTaskExecutor())
    }

    private static func startThread(_ thread: PoolThread) {
        var handle = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // SAFETY: the retained reference is balanced by takeRetainedValue in the thread's entry.
        let context = Unmanaged.passRetained(thread).toOpaque()
        let status = pthread_create(&handle, &attributes, { PoolThread.enter($0) }, context)
        pthread_attr_destroy(&attributes)
        precondition(status == 0, "pthread_create: errno \(status)")
    }
}

extension TaskExecutor {
    /// Runs `body` on one of the executor's threads.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await Task(executorPreference: self) { try body() }.value
    }
}

private final class PoolThread: Sendable {
    let queue: JobDeque
    let name: String
    let niceness: Int32

    init(queue: JobDeque, name: String, niceness: Int32) {
        self.queue = queue
        self.name = name
        self.niceness = niceness
    }

    static func enter(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        // SAFETY: `context` is the retained PoolThread that startThread passed, taken exactly once.
        let thread = Unmanaged<PoolThread>.fromOpaque(context).takeRetainedValue()
        cadenza_name_this_thread(thread.name)
        if thread.niceness != 0 {
            _ = cadenza_renice_this_thread(thread.niceness)
        }
        while let (job, executor) = thread.queue.take() {
            job.runSynchronously(on: executor)
        }
        thread.queue.passOnClose()
        return nil
    }
}

/// An unbounded hand-over of executor jobs: what is queued here was admitted by a limit upstream.
private final class JobDeque: Sendable {
    private struct State {
        var jobs: [(UnownedJob, UnownedTaskExecutor)] = []
        var head = 0
    }
    private let state = Mutex(State())
    private let available = Semaphore()

    func append(_ job: UnownedJob, executor: UnownedTaskExecutor) {
        state.withLock { $0.jobs.append((job, executor)) }
        available.signal()
    }

    func take() -> (UnownedJob, UnownedTaskExecutor)? {
        available.wait()
        return state.withLock { state in
            guard state.head < state.jobs.count else { return nil }
            let job = state.jobs[state.head]
            state.head += 1
            if state.head == state.jobs.count {
                state.jobs.removeAll(keepingCapacity: true)
                state.head = 0
            } else if state.head > 1024 {
                state.jobs.removeFirst(state.head)
                state.head = 0
            }
            return job
        }
    }

    /// Each thread wakes once, finds nothing and passes the wake-up on, so one signal ends them all.
    func close() { available.signal() }

    func passOnClose() { available.signal() }
}
