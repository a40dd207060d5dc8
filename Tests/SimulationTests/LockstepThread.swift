import CLinux
import Core
import Glibc

/// A thread for work that blocks (engines, the disk). It runs only while the scheduler waits for it.
///
/// SAFETY: its fields are written by the scheduler before `wake` and by the thread before `handBack`.
final class LockstepThread: @unchecked Sendable {
    private unowned let scheduler: Scheduler
    private let turn = Semaphore()
    private var job: (UnownedJob, UnownedTaskExecutor)?

    var isIdle: Bool { job == nil }

    init(of scheduler: Scheduler) {
        self.scheduler = scheduler
        startThread { self.work() }
    }

    func take(_ job: UnownedJob, _ executor: UnownedTaskExecutor) { self.job = (job, executor) }

    func wake() { turn.signal() }

    /// Ends the thread; it must be idle.
    func end() { turn.signal() }

    /// Called on the thread itself.
    func waitForTurn() {
        scheduler.handBack()
        turn.wait()
    }

    private func work() {
        scheduler.adopt()
        while true {
            turn.wait()
            guard let (job, executor) = job else { return }
            job.runSynchronously(on: executor)
            self.job = nil
            scheduler.handBack()
        }
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs `body` on a thread of its own.
func startThread(_ body: @escaping @Sendable () -> Void) {
    var handle = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // SAFETY: the retained reference is balanced by takeRetainedValue in the thread.
    let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let status = pthread_create(
        &handle, &attributes,
        { context in
            context.map { Unmanaged<ThreadBody>.fromOpaque($0).takeRetainedValue().run() }
            return nil
        }, context)
    pthread_attr_destroy(&attributes)
    precondition(status == 0, "pthread_create: errno \(status)")
}
