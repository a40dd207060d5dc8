internal import Core
internal import Database
internal import Synchronization

/// A connection and the one thread it works on.
final class SQLiteSlot: Sendable {
    let thread: BlockingPool
    private let handle: Mutex<SQLiteHandle>

    init(path: String, role: SQLiteHandle.Role, limits: SQLiteLimits) throws(DatabaseError) {
        handle = Mutex(try SQLiteHandle(path: path, role: role, limits: limits))
        thread = BlockingPool(name: role == .writer ? "sqlite-write" : "sqlite-read", threads: 1)
    }

    func use<Value: Sendable>(_ body: (SQLiteHandle) throws(DatabaseError) -> Value) throws(DatabaseError) -> Value {
        try handle.withLock { handle throws(DatabaseError) in try body(handle) }
    }

    func close() { handle.withLock { $0.close() } }
}

/// Lends slots, first come first served.
final class SlotQueue: Sendable {
    private typealias Waiter = CheckedContinuation<Result<SQLiteSlot, DatabaseError>, Never>

    private struct State {
        var idle: [SQLiteSlot]
        var waiters: [Waiter] = []
        var head = 0
        var isClosed = false
    }

    private let state: Mutex<State>
    private let count: Int
    private let waitersMax: Int

    init(_ slots: [SQLiteSlot], waitersMax: Int) {
        state = Mutex(State(idle: slots))
        count = slots.count
        self.waitersMax = waitersMax
    }

    func take() async throws(DatabaseError) -> SQLiteSlot { try await take(toClose: false) }

    func giveBack(_ slot: SQLiteSlot) {
        let waiter = state.withLock { state -> Waiter? in
            guard state.head < state.waiters.count else {
                state.idle.append(slot)
                return nil
            }
            let waiter = state.waiters[state.head]
            state.head += 1
            if state.head == state.waiters.count {
                state.waiters.removeAll(keepingCapacity: true)
                state.head = 0
            } else if state.head >= 1024 {
                state.waiters.removeFirst(state.head)
                state.head = 0
            }
            return waiter
        }
        waiter?.resume(returning: .success(slot))
    }

    /// Refuses new callers, waits for those before, and returns all slots; empty if it was closed before.
    func drain() async -> [SQLiteSlot] {
        let isFirst = state.withLock { state -> Bool in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return [] }
        var slots: [SQLiteSlot] = []
        while slots.count < count, let slot = try? await take(toClose: true) { slots.append(slot) }
        return slots
    }

    private func take(toClose: Bool) async throws(DatabaseError) -> SQLiteSlot {
        let answer = await withCheckedContinuation { (waiter: Waiter) in
            let answer = state.withLock { state -> Result<SQLiteSlot, DatabaseError>? in
                if state.isClosed && !toClose { return .failure(.closed) }
                if let slot = state.idle.popLast() { return .success(slot) }
                if !toClose && state.waiters.count - state.head >= waitersMax { return .failure(.busy) }
                state.waiters.append(waiter)
                return nil
            }
            if let answer { waiter.resume(returning: answer) }
        }
        return try answer.get()
    }
}
