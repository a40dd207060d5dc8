public import Core
internal import Synchronization

/// Tells other servers that there may be something to claim or to cancel: at once, and then at most once in each pause,
/// however often it is raised. A notice with every commit would cost more than the commits.
public final class WakeBroadcast: Sendable {
    private struct State {
        var isRaised = false
        var isClosed = false
        var sending: Task<Void, Never>?
    }

    private let pauseSeconds: Double
    private let time: any TimeSource
    private let tasks: (any TaskExecutor)?
    private let send: @Sendable () async throws -> Void
    private let failed: @Sendable (any Error) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - tasks: where notices are sent from; `nil`: where all tasks run.
    ///   - send: a notice that is lost costs time only: everybody polls.
    ///   - failed: hears of what `send` throws.
    public init(
        pauseSeconds: Double = 0.05, time: any TimeSource = SystemTime(), tasks: (any TaskExecutor)? = nil,
        send: @escaping @Sendable () async throws -> Void,
        failed: @escaping @Sendable (any Error) -> Void = { _ in }
    ) {
        self.pauseSeconds = pauseSeconds
        self.time = time
        self.tasks = tasks
        self.send = send
        self.failed = failed
    }

    /// Quick, and nothing after `close`.
    public func raise() {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isRaised = true
            // Detached: it works for all callers, on nobody's authority but the server's.
            if state.sending == nil {
                state.sending = Task.detached(executorPreference: tasks) { await self.work() }
            }
        }
    }

    /// Returns when what was raised before is told.
    public func close() async {
        let sending = state.withLock { state in
            state.isClosed = true
            return state.sending
        }
        await sending?.value
    }

    private func work() async {
        while isDue() {
            do {
                try await send()
            } catch {
                failed(error)
            }
            await time.pause(seconds: pauseSeconds)
        }
    }

    private func isDue() -> Bool {
        state.withLock { state in
            defer { state.isRaised = false }
            if !state.isRaised { state.sending = nil }
            return state.isRaised
        }
    }
}
