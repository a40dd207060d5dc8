import JobQueue
import Synchronization

/// Breaks the circle between the job service, which wakes the executor, and the executor, which needs the service.
final class WakeUp: Sendable {
    private let executor = Mutex<Executor?>(nil)

    var target: Executor? {
        get { executor.withLock { $0 } }
        set { executor.withLock { $0 = newValue } }
    }

    func wake() { target?.wake() }
}
