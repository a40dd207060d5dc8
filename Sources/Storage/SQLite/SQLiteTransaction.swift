internal import Database
internal import Synchronization

/// What a body sees of its transaction: refuses everything once the transaction failed or is over.
final class SQLiteTransaction: DatabaseConnection {
    private struct State {
        var isOpen = true
        var failure: DatabaseError?
        var actions: [@Sendable () -> Void] = []
    }

    private let slot: SQLiteSlot
    private let state = Mutex(State())

    var dialect: SQLDialect { .sqlite }

    init(slot: SQLiteSlot) { self.slot = slot }

    func query(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> [DatabaseRow] {
        try run { handle throws(DatabaseError) in try handle.query(sql, arguments) }
    }

    func execute(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> Int {
        try run { handle throws(DatabaseError) in try handle.execute(sql, arguments) }
    }

    func batch(_ statements: [DatabaseStatement]) async throws(DatabaseError) -> [DatabaseAnswer] {
        try run { handle throws(DatabaseError) in
            var answers: [DatabaseAnswer] = []
            for statement in statements { answers.append(try handle.answer(statement)) }
            return answers
        }
    }

    func executeScript(_ sql: String) async throws(DatabaseError) {
        try run { handle throws(DatabaseError) in try handle.script(sql) }
    }

    func afterCommit(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.actions.append(action) }
    }

    /// Ends the body's access. Returns the statement error that dooms the transaction, and what to do after a commit.
    func seal() -> (failure: DatabaseError?, actions: [@Sendable () -> Void]) {
        state.withLock { state in
            state.isOpen = false
            return (state.failure, state.actions)
        }
    }

    private func run<Value: Sendable>(
        _ body: (SQLiteHandle) throws(DatabaseError) -> Value
    ) throws(DatabaseError) -> Value {
        try state.withLock { state throws(DatabaseError) in
            guard state.isOpen else { throw .misuse("the transaction is over") }
            if let failure = state.failure { throw failure }
            do throws(DatabaseError) {
                return try slot.use(body)
            } catch {
                state.failure = error
                throw error
            }
        }
    }
}
