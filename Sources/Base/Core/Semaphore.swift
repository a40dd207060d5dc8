internal import Glibc

/// A POSIX semaphore at a stable address: for threads that wait, never for tasks.
public final class Semaphore: @unchecked Sendable {
    // SAFETY: sem_t is made for concurrent use; the pointer is set once and freed in deinit.
    private let handle: UnsafeMutablePointer<sem_t>

    public init() {
        handle = .allocate(capacity: 1)
        handle.initialize(to: sem_t())
        sem_init(handle, 0, 0)
    }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    public func signal() { sem_post(handle) }

    public func wait() { while sem_wait(handle) != 0 {} }

    /// Waits for a signal, at most about this long.
    public func wait(milliseconds: Int) {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        let nanoseconds = deadline.tv_nsec + (milliseconds % 1000) * 1_000_000
        deadline.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        while sem_timedwait(handle, &deadline) != 0, errno == EINTR {}
    }
}
