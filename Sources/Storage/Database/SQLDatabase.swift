/// The SQL that differs between engines is switched on this, and only on this.
public enum SQLDialect: String, Sendable, CaseIterable {
    case sqlite
    case postgres
}

/// One open transaction. It is valid only inside the closure it was given to.
///
/// SQL is written once, with the placeholders `$1` to `$n`: every argument must be used. A statement that fails dooms
/// its transaction, on every engine: what follows is refused and the whole is rolled back, also if the error was
/// caught. So expect a conflict with `ON CONFLICT DO NOTHING` and the count of rows, not with `catch`.
public protocol DatabaseConnection: Sendable {
    var dialect: SQLDialect { get }

    /// Runs one statement and returns all its rows.
    func query(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> [DatabaseRow]

    /// Runs one statement and returns the number of rows it changed.
    func execute(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> Int

    /// Runs statements in turn and returns an answer for each. They travel together: one round trip to a server. The
    /// first that fails is thrown, and those after it are not run.
    func batch(_ statements: [DatabaseStatement]) async throws(DatabaseError) -> [DatabaseAnswer]

    /// Runs several statements without arguments: for migrations.
    func executeScript(_ sql: String) async throws(DatabaseError)

    /// Runs `action` once the transaction is committed, before `write` returns; drops it on a rollback.
    /// It must be quick: raising a signal, not work.
    func afterCommit(_ action: @escaping @Sendable () -> Void)
}

/// A transactional store. A `read` or `write` inside another of the same database is refused as misuse.
///
/// Cancelling the calling task does not interrupt a transaction: a settlement that began is carried to its end.
public protocol SQLDatabase: Sendable {
    var dialect: SQLDialect { get }

    /// Whether each transaction checks for itself whom its credential speaks for; see `DatabaseCaller`.
    var vouchesForCallers: Bool { get }

    /// Runs `body` on one consistent snapshot; a change is refused with `DatabaseError.readOnly`.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value

    /// Runs `body` in one transaction: committed if it returns, rolled back if it throws.
    ///
    /// Where writers run beside each other (Postgres) a row that is read in order to be changed is read `FOR UPDATE`.
    /// A server may undo a transaction because of another one (a deadlock); `body` is then run again, a few times, and
    /// so must act on nothing but its connection. `DatabaseError.busy` says that this did not help.
    @discardableResult
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value

    /// A read whose statements are known beforehand: one round trip to a server, begin and end included.
    func read(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer]

    /// A write whose statements are known beforehand: one round trip to a server, begin and commit included.
    @discardableResult
    func write(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer]
}

extension SQLDatabase {
    public var vouchesForCallers: Bool { false }

    public func read(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer] {
        try await read { try await $0.batch(statements) }
    }

    @discardableResult
    public func write(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer] {
        try await write { try await $0.batch(statements) }
    }
}
