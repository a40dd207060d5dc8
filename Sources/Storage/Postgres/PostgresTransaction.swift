internal import Database
internal import Synchronization

/// What a body sees of its transaction: refuses everything once the transaction failed or is over. BEGIN goes out with
/// the first statement.
final class PostgresTransaction: DatabaseConnection {
    struct State {
        var isOpen = true
        var hasBegun = false
        var flightCount = 0
        var refusal: ServerRefusal?
        /// The connection turned out to be dead at the first statement: a body that is run again repeats nothing.
        var isUntouched = false
        var actions: [@Sendable () -> Void] = []
    }

    private let session: PostgresSession
    private let isRead: Bool
    private let preamble: [DatabaseStatement]
    private let state = Mutex(State())

    var dialect: SQLDialect { .postgres }

    init(session: PostgresSession, isRead: Bool, preamble: [DatabaseStatement]) {
        self.session = session
        self.isRead = isRead
        self.preamble = preamble
    }

    func query(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> [DatabaseRow] {
        try await one(DatabaseStatement(sql, arguments)).rows
    }

    func execute(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> Int {
        try await one(DatabaseStatement(sql, arguments)).changedCount
    }

    func batch(_ statements: [DatabaseStatement]) async throws(DatabaseError) -> [DatabaseAnswer] {
        try await fly(statements.map { .statement($0) }).answers
    }

    func executeScript(_ sql: String) async throws(DatabaseError) {
        _ = try await fly([])
        try settle(await session.run(script: sql))
    }

    func afterCommit(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.actions.append(action) }
    }

    /// Ends the body's access.
    func seal() -> State {
        state.withLock { state in
            state.isOpen = false
            return state
        }
    }

    private func one(_ statement: DatabaseStatement) async throws(DatabaseError) -> DatabaseAnswer {
        guard let answer = try await fly([.statement(statement)]).answers.first else { throw .connectionLost }
        return answer
    }

    private func fly(_ steps: [FlightStep]) async throws(DatabaseError) -> FlightOutcome {
        let outcome = await session.fly { self.opening().map { $0 + steps } }
        try settle(outcome)
        return outcome
    }

    /// What has to go before the next statement; called in the order in which statements are sent.
    private func opening() -> Result<[FlightStep], DatabaseError> {
        state.withLock { state in
            guard state.isOpen else { return .failure(.misuse("the transaction is over")) }
            if let refusal = state.refusal { return .failure(refusal.error) }
            state.flightCount += 1
            if state.hasBegun { return .success([]) }
            state.hasBegun = true
            return .success([.begin(isRead: isRead)] + preamble.map { .preamble($0) })
        }
    }

    /// The first error is the transaction's.
    private func settle(_ outcome: FlightOutcome) throws(DatabaseError) {
        guard let refusal = outcome.failure else { return }
        state.withLock { state in
            guard state.isOpen, state.refusal == nil else { return }
            state.refusal = refusal
            state.isUntouched = outcome.isUntouched && state.flightCount == 1
        }
        throw refusal.error
    }
}
