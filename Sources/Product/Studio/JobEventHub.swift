public import Core
internal import Synchronization

/// What a watcher of a job is told. The timeline itself is in the database; this only says that it moved.
public enum JobSignal: Hashable, Sendable {
    case timelineChanged
    case progress(Double, step: String)
}

/// Wakes those who watch a job in this process. Signals are hints: a watcher that lags keeps the newest few.
public final class JobEventHub: Sendable {
    /// Watchers of one job at one time, so that open streams cannot exhaust the server.
    public static let watchersPerJobMax = 64
    private static let signalsBufferedMax = 16

    private struct Watcher: Sendable {
        var id: UInt64
        var continuation: AsyncStream<JobSignal>.Continuation
    }
    private struct State {
        var watchers: [JobID: [Watcher]] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }
    private let state = Mutex(State())

    public init() {}

    /// A stream of signals that ends when the hub closes; `nil` if the job has too many watchers.
    public func watch(_ job: JobID) -> AsyncStream<JobSignal>? {
        let (stream, continuation) = AsyncStream.makeStream(
            of: JobSignal.self, bufferingPolicy: .bufferingNewest(Self.signalsBufferedMax))
        let id: UInt64? = state.withLock { state in
            guard !state.isClosed, state.watchers[job, default: []].count < Self.watchersPerJobMax else {
                return nil
            }
            state.nextID += 1
            state.watchers[job, default: []].append(Watcher(id: state.nextID, continuation: continuation))
            return state.nextID
        }
        guard let id else { return nil }
        continuation.onTermination = { [weak self] _ in self?.remove(id, from: job) }
        return stream
    }

    public func publish(_ signal: JobSignal, for job: JobID) {
        let watchers = state.withLock { $0.watchers[job] ?? [] }
        for watcher in watchers { watcher.continuation.yield(signal) }
    }

    /// Wakes every watcher: they look at the database and send a heartbeat.
    public func publishToAll(_ signal: JobSignal) {
        let watchers = state.withLock { $0.watchers.values.flatMap(\.self) }
        for watcher in watchers { watcher.continuation.yield(signal) }
    }

    /// Ends every stream, so that a draining server can finish its responses.
    public func close() {
        let watchers = state.withLock { state in
            state.isClosed = true
            return state.watchers.values.flatMap(\.self)
        }
        for watcher in watchers { watcher.continuation.finish() }
    }

    private func remove(_ id: UInt64, from job: JobID) {
        state.withLock { state in
            state.watchers[job]?.removeAll { $0.id == id }
            if state.watchers[job]?.isEmpty == true { state.watchers[job] = nil }
        }
    }
}
