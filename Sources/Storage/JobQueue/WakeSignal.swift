internal import Synchronization

/// Wakes one waiting task. Raising it several times before it is waited for counts once.
final class WakeSignal: Sendable {
    private struct State {
        var isRaised = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func raise() {
        let waiter = state.withLock { state in
            let waiter = state.waiter
            state.waiter = nil
            state.isRaised = waiter == nil
            return waiter
        }
        waiter?.resume()
    }

    func wait() async {
        await withCheckedContinuation { waiter in
            let isRaised = state.withLock { state in
                if !state.isRaised { state.waiter = waiter }
                defer { state.isRaised = false }
                return state.isRaised
            }
            if isRaised { waiter.resume() }
        }
    }
}
