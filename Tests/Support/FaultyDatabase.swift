public import Database
internal import Synchronization

/// A database whose commits go wrong as told: the transaction's that is under way, or the next one's.
public final class FaultyDatabase: SQLDatabase {
    public enum Fault: Sendable {
        /// The transaction is committed, and nobody hears of it.
        case answerLost
        /// It is not committed, and nobody hears of that either.
        case commitLost
    }

    private let inner: any SQLDatabase
    private let state = Mutex<(fault: Fault?, busy: Int)>((nil, 0))

    public init(_ inner: any SQLDatabase) { self.inner = inner }

    public var dialect: SQLDialect { inner.dialect }

    /// What the write does that comes to its commit next.
    public func failNextCommit(_ fault: Fault) { state.withLock { $0.fault = fault } }

    /// So many writes are refused before they begin.
    public func beBusy(_ count: Int) { state.withLock { $0.busy = count } }

    /// Whether it is this that is to go wrong, once.
    private func takes(_ fault: Fault) -> Bool {
        state.withLock { state in
            guard state.fault == fault else { return false }
            state.fault = nil
            return true
        }
    }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await inner.read(body)
    }

    @discardableResult
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        let isBusy = state.withLock { state in
            state.busy -= 1
            return state.busy >= 0
        }
        if isBusy { throw DatabaseError.busy }
        let value = try await inner.write { connection in
            let value = try await body(connection)
            if self.takes(.commitLost) { throw DatabaseError.outcomeUnknown }
            return value
        }
        if takes(.answerLost) { throw DatabaseError.outcomeUnknown }
        return value
    }
}
