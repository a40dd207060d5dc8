public import Core
public import Database
public import Reactor

/// A Postgres server: a bounded pool of connections on the given loops, in libpq's pipeline mode.
///
/// A `write` is READ COMMITTED: each statement sees what is committed when it starts, so that what follows the lock of
/// a row (`FOR UPDATE`) sees what the row's last owner left. The ledger and the queue are written for that: they lock
/// the account's row, or the task's by SKIP LOCKED, before they read what they change. REPEATABLE READ would end every
/// such wait with a serialization failure. A `read` is REPEATABLE READ, READ ONLY: one snapshot, never a conflict.
///
/// What the server undoes because of other transactions (40001, 40P01), and what failed because a migration has
/// outdated a prepared statement, is run again, `PostgresLimits.attemptsMax` times in all; then it is `busy`. What
/// broke off with its connection is not, unless the connection turned out to be dead at the first statement.
///
/// A body runs on its connection's loop: it must not block.
public final class PostgresDatabase: SQLDatabase {
    public var dialect: SQLDialect { .postgres }

    private let pool: PostgresPool
    private let time: any TimeSource
    private let preamble: [DatabaseStatement]

    /// The pools that the current task has a transaction on.
    @TaskLocal private static var busyWith: [ObjectIdentifier] = []

    /// Connects once, so that what is wrong with the address or the password shows here.
    ///
    /// - Parameters:
    ///   - loops: where the connections live; they must run until `close` has returned.
    ///   - observe: is told of connections made, lost and refused; called on any thread, must be quick.
    /// - Throws: `DatabaseError.unreachable`.
    public static func open(
        _ address: PostgresAddress, loops: [EventLoop], time: any TimeSource,
        limits: PostgresLimits = PostgresLimits(), observe: @escaping @Sendable (PostgresEvent) -> Void = { _ in }
    ) async throws(DatabaseError) -> PostgresDatabase {
        let connector = PostgresConnector(address: address, limits: limits)
        let pool = PostgresPool(connector: connector, loops: loops, observe: observe)
        try await pool.openFirst()
        return PostgresDatabase(pool: pool, time: time, preamble: [])
    }

    private init(pool: PostgresPool, time: any TimeSource, preamble: [DatabaseStatement]) {
        self.pool = pool
        self.time = time
        self.preamble = preamble
    }

    /// The same pool, with statements that go out with every BEGIN: what the transactions are allowed to see can hang
    /// on them (`select set_config('…', $1, true)`). They cost no round trip; their rows are dropped.
    public func beginning(with preamble: [DatabaseStatement]) -> PostgresDatabase {
        PostgresDatabase(pool: pool, time: time, preamble: preamble)
    }

    /// How many connections there are, being made or made.
    public var connectionCount: Int { pool.connectionCount }

    /// How many transactions wait for a connection.
    public var waitingCount: Int { pool.waitingCount }

    /// Brings the schema to this program's version.
    @discardableResult
    public func migrate() async throws -> [Migrator.Step] {
        try await Migrator(PostgresMigrations.all, time: time).migrate(self)
    }

    /// Refuses new transactions, waits for those under way and closes the connections. A second call does nothing.
    public func close() async { await pool.close() }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await transact(isRead: true, body)
    }

    @discardableResult
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await transact(isRead: false, body)
    }

    public func read(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer] {
        try await transact(isRead: true, batch: statements)
    }

    @discardableResult
    public func write(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer] {
        try await transact(isRead: false, batch: statements)
    }

    // MARK: One transaction, perhaps several attempts

    private typealias Actions = [@Sendable () -> Void]

    private struct Failure {
        var error: any Error
        /// The transaction left nothing behind, and its failure was none of its own.
        var mayBeTriedAgain: Bool
    }

    private enum Attempt<Value: Sendable> {
        case done(Value, Actions)
        case failed(Failure)
    }

    private func transact<Value: Sendable>(
        isRead: Bool, _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        let identity = try checkedIdentity()
        return try await attempts(sharing: false) { session in
            await Self.$busyWith.withValue(Self.busyWith + [identity]) {
                await withTaskExecutorPreference(session.loop) {
                    await Self.attempt(body, on: session, isRead: isRead, self.preamble)
                }
            }
        }
    }

    private func transact(isRead: Bool, batch: [DatabaseStatement]) async throws -> [DatabaseAnswer] {
        _ = try checkedIdentity()
        let steps =
            [.begin(isRead: isRead)] + preamble.map { FlightStep.preamble($0) } + batch.map { .statement($0) }
            + [.commit]
        return try await attempts(sharing: isRead) { session in
            await Self.attempt(steps, on: session, isRead: isRead)
        }
    }

    private func checkedIdentity() throws(DatabaseError) -> ObjectIdentifier {
        let identity = ObjectIdentifier(pool)
        guard !Self.busyWith.contains(identity) else { throw .misuse("a transaction inside another") }
        return identity
    }

    /// - Parameter sharing: the attempt is one flight, which may go out behind others. If one of those fails, so does
    ///   this; the next attempt has a session to itself.
    private func attempts<Value: Sendable>(
        sharing: Bool, _ attempt: (PostgresSession) async -> Attempt<Value>
    ) async throws -> Value {
        var count = 1
        while true {
            let session = sharing && count == 1 ? try await pool.takeShared() : try await pool.take()
            let result = await attempt(session)
            pool.giveBack(session)
            switch result {
            case .done(let value, let actions):
                for action in actions { action() }
                return value
            case .failed(let failure):
                guard failure.mayBeTriedAgain, count < pool.limits.attemptsMax else { throw failure.error }
                count += 1
            }
        }
    }

    /// Never throws: the body's error is in the attempt.
    private static func attempt<Value: Sendable>(
        _ body: @Sendable (any DatabaseConnection) async throws -> Value, on session: PostgresSession, isRead: Bool,
        _ preamble: [DatabaseStatement]
    ) async -> Attempt<Value> {
        let transaction = PostgresTransaction(session: session, isRead: isRead, preamble: preamble)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(transaction))
        } catch {
            result = .failure(error)
        }
        let end = transaction.seal()
        switch result {
        case .success(let value) where end.refusal == nil:
            guard end.hasBegun else { return .done(value, end.actions) }
            if isRead {
                // Nothing hangs on the answer, and the next transaction's statements queue behind it.
                session.send([.commit])
                return .done(value, end.actions)
            }
            let outcome = await session.fly([.commit])
            if outcome.commit == .done { return .done(value, end.actions) }
            return .failed(await failure(of: outcome, on: session, isRead: false, isWhole: false))
        case .success: return .failed(await rolledBack(end.refusal?.error ?? .connectionLost, end, session))
        case .failure(let error): return .failed(await rolledBack(error, end, session))
        }
    }

    private static func attempt(
        _ steps: [FlightStep], on session: PostgresSession, isRead: Bool
    ) async -> Attempt<[DatabaseAnswer]> {
        let outcome = await session.fly(steps)
        // What was read is as good as it was, whatever became of the end of its transaction.
        if outcome.commit == .done { return .done(outcome.answers, []) }
        return .failed(await failure(of: outcome, on: session, isRead: isRead, isWhole: true))
    }

    /// After a body that threw, or whose statement failed.
    private static func rolledBack(
        _ error: any Error, _ end: PostgresTransaction.State, _ session: PostgresSession
    ) async -> Failure {
        if end.hasBegun && session.isAlive { _ = await session.fly([.rollback]) }
        let mayBeTriedAgain = end.refusal?.isTransient ?? false || end.isUntouched
        return Failure(error: error, mayBeTriedAgain: mayBeTriedAgain)
    }

    /// After a commit that did not take place, or of which nothing is known.
    /// - Parameter isWhole: the flight was all of the transaction.
    private static func failure(
        of outcome: FlightOutcome, on session: PostgresSession, isRead: Bool, isWhole: Bool
    ) async -> Failure {
        let refusal = outcome.failure ?? ServerRefusal(error: .connectionLost, leavesSession: false)
        if outcome.isUntouched { return Failure(error: refusal.error, mayBeTriedAgain: isWhole) }
        if outcome.commit == .asked && !isRead {
            return Failure(error: DatabaseError.outcomeUnknown, mayBeTriedAgain: false)
        }
        if session.isAlive { _ = await session.fly([.rollback]) }
        return Failure(error: refusal.error, mayBeTriedAgain: refusal.isTransient)
    }
}
