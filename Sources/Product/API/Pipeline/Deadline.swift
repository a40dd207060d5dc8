internal import Core
internal import HTTP
internal import Synchronization

/// An ordinary handler that takes too long is cancelled and answered 503.
///
/// The handler runs in the request's own task, and what it says in spite of its cancellation is what the client hears:
/// nobody is told that nothing happened when something did. Streams are exempt: their handler has answered before they
/// begin, and a large body on its way in has the server's own deadlines. One task ticks for all, while there is one.
final class Deadline: Sendable {
    // SAFETY: an entry is taken off, under the same lock, before its task leaves `run`; so a task that is cancelled is
    // alive, and `cancel` is what UnsafeCurrentTask allows from other tasks.
    private struct Entry: @unchecked Sendable {
        let task: UnsafeCurrentTask
        /// By `monotonicNanoseconds`.
        let due: UInt64
        var hasExpired = false
    }
    private struct State {
        var entries: [UInt64: Entry] = [:]
        var next: UInt64 = 0
        var isTicking = false
    }

    let seconds: Double
    private let state = Mutex(State())

    init(seconds: Double) { self.seconds = seconds }

    /// - Throws: `answerTimeout` if the operation failed after its time.
    func run(_ operation: () async throws(Problem) -> Response) async throws(Problem) -> Response {
        guard let ticket = withUnsafeCurrentTask(body: { $0.map(begin) }) else { return try await operation() }
        let result: Result<Response, Problem>
        do throws(Problem) { result = .success(try await operation()) } catch { result = .failure(error) }
        let hasExpired = state.withLock { $0.entries.removeValue(forKey: ticket)?.hasExpired ?? false }
        if hasExpired, case .failure(let problem) = result {
            throw Problem(
                .answerTimeout, "There was no answer within \(seconds) seconds.",
                cause: "cancelled after \(seconds) s: \(problem.cause ?? problem.detail)")
        }
        return try result.get()
    }

    private func begin(_ task: UnsafeCurrentTask) -> UInt64 {
        let due = monotonicNanoseconds() + UInt64(seconds * 1e9)
        let (ticket, mustTick) = state.withLock { state -> (UInt64, Bool) in
            state.next += 1
            state.entries[state.next] = Entry(task: task, due: due)
            defer { state.isTicking = true }
            return (state.next, !state.isTicking)
        }
        if mustTick { Task.detached { await self.tick() } }
        return ticket
    }

    /// Ends when nobody waits. All have the same time, so whoever comes later is due later.
    private func tick() async {
        while let pause = expire(at: monotonicNanoseconds()) {
            try? await Task.sleep(nanoseconds: pause)
        }
    }

    /// - Returns: nanoseconds until the next one is due; `nil` if there is none.
    private func expire(at now: UInt64) -> UInt64? {
        state.withLock { state -> UInt64? in
            var nearest = UInt64.max
            for (ticket, entry) in state.entries where !entry.hasExpired {
                if entry.due <= now {
                    state.entries[ticket]?.hasExpired = true
                    entry.task.cancel()
                } else {
                    nearest = min(nearest, entry.due - now)
                }
            }
            state.isTicking = nearest < .max
            return nearest < .max ? nearest : nil
        }
    }
}
