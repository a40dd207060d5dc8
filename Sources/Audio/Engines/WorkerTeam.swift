internal import CLinux
internal import Glibc
internal import Synchronization

/// A few threads of lower priority that do one round of equal tasks at a time, while their owner does something else.
///
/// One owner: `start` and `wait` are called alternately, from one thread.
final class WorkerTeam: Sendable {
    typealias Task = @Sendable (_ index: Int) throws(EngineError) -> Void

    private struct Round {
        var task: Task = { (_) throws(EngineError) in }
        var next = 0
        var count = 0
        var unfinished = 0
        var failure: (index: Int, error: EngineError)?
        var isClosed = false
    }

    let threadCount: Int
    private let board: Board

    /// - Throws: `computation` where the system has no thread to give; those that began end again.
    init(threadCount: Int, niceness: Int32) throws(EngineError) {
        precondition(threadCount > 0)
        self.threadCount = threadCount
        board = Board()
        for index in 0..<threadCount {
            let status = Self.startThread(Member(board: board, name: "engine-\(index)", niceness: niceness))
            guard status == 0 else {
                board.close()
                throw .computation(cause: "thread \(index + 1) of \(threadCount) could not be started: errno \(status)")
            }
        }
    }

    deinit { board.close() }

    /// Hands `task` to the team for each index below `count` and returns at once.
    func start(_ count: Int, _ task: @escaping Task) { board.post(count, task) }

    /// Waits until the round is done.
    ///
    /// - Throws: the error of the lowest index that failed.
    func wait() throws(EngineError) {
        if let failure = board.awaitEnd() { throw failure }
    }

    func run(_ count: Int, _ task: @escaping Task) throws(EngineError) {
        start(count, task)
        try wait()
    }

    /// The round that is under way, guarded by a lock and two conditions.
    private final class Board: @unchecked Sendable {
        // SAFETY: `round` is touched only with `lock` held; the handles live at fixed addresses until deinit, which
        // runs when the last thread has let go.
        private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let posted = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private var round = Round()

        init() {
            pthread_mutex_init(lock, nil)
            pthread_cond_init(posted, nil)
            pthread_cond_init(ended, nil)
        }

        deinit {
            pthread_cond_destroy(posted)
            pthread_cond_destroy(ended)
            pthread_mutex_destroy(lock)
            posted.deallocate()
            ended.deallocate()
            lock.deallocate()
        }

        func post(_ count: Int, _ task: @escaping Task) {
            pthread_mutex_lock(lock)
            precondition(round.unfinished == 0, "a round is still under way")
            round.task = task
            round.next = 0
            round.count = count
            round.unfinished = count
            round.failure = nil
            pthread_cond_broadcast(posted)
            pthread_mutex_unlock(lock)
        }

        func awaitEnd() -> EngineError? {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            while round.unfinished > 0 { pthread_cond_wait(ended, lock) }
            // The closure may hold its maker's buffers: let go of it with the round.
            round.task = { (_) throws(EngineError) in }
            return round.failure?.error
        }

        func close() {
            pthread_mutex_lock(lock)
            round.isClosed = true
            pthread_cond_broadcast(posted)
            pthread_mutex_unlock(lock)
        }

        /// A member's life: takes indices until the team is closed.
        func serve() {
            while let (index, task) = take() {
                do throws(EngineError) {
                    try task(index)
                    report(index, nil)
                } catch {
                    report(index, error)
                }
            }
        }

        private func take() -> (Int, Task)? {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            while round.next == round.count {
                if round.isClosed { return nil }
                pthread_cond_wait(posted, lock)
            }
            round.next += 1
            return (round.next - 1, round.task)
        }

        private func report(_ index: Int, _ error: EngineError?) {
            pthread_mutex_lock(lock)
            if let error, index < round.failure?.index ?? Int.max { round.failure = (index, error) }
            round.unfinished -= 1
            if round.unfinished == 0 { pthread_cond_signal(ended) }
            pthread_mutex_unlock(lock)
        }
    }

    private final class Member: Sendable {
        let board: Board
        let name: String
        let niceness: Int32

        init(board: Board, name: String, niceness: Int32) {
            self.board = board
            self.name = name
            self.niceness = niceness
        }
    }

    /// 0 or an errno.
    private static func startThread(_ member: Member) -> Int32 {
        var handle = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // The kernels and ONNX Runtime were measured with the main thread's stack size.
        pthread_attr_setstacksize(&attributes, 8 << 20)
        // SAFETY: the retained reference is balanced by takeRetainedValue in the thread's entry.
        let context = Unmanaged.passRetained(member).toOpaque()
        let status = pthread_create(
            &handle, &attributes,
            { context in
                guard let context else { return nil }
                // SAFETY: `context` is the retained Member, taken exactly once.
                let member = Unmanaged<Member>.fromOpaque(context).takeRetainedValue()
                cadenza_name_this_thread(member.name)
                if member.niceness != 0 { _ = cadenza_renice_this_thread(member.niceness) }
                member.board.serve()
                return nil
            }, context)
        pthread_attr_destroy(&attributes)
        // SAFETY: no thread took the reference.
        if status != 0 { Unmanaged<Member>.fromOpaque(context).release() }
        return status
    }
}
