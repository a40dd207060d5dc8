public import Core
public import Database
internal import Glibc

/// A SQLite file: one writer, several readers, each on its own thread; WAL with `synchronous=FULL`.
///
/// Writers queue first come first served; a writer in another process is waited for. A body runs on its connection's
/// thread, so that its queries suspend nowhere; a slow body holds up the writers behind it.
public final class SQLiteDatabase: SQLDatabase {
    public var dialect: SQLDialect { .sqlite }

    private let writers: SlotQueue
    private let readers: SlotQueue
    private let time: any TimeSource

    /// The databases that the current task has a transaction on.
    @TaskLocal private static var busyWith: [ObjectIdentifier] = []

    /// Opens the file, creating it for its owner's eyes only if it does not exist. Blocks: call it at start.
    ///
    /// - Throws: `DatabaseError.corrupt` if the file is no database.
    public init(
        path: String, readers: Int = 4, time: any TimeSource, limits: SQLiteLimits = SQLiteLimits()
    ) throws(DatabaseError) {
        precondition(readers > 0)
        // The log and the shared-memory file inherit the file's mode.
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        let writer = try SQLiteSlot(path: path, role: .writer, limits: limits)
        var slots: [SQLiteSlot] = []
        for _ in 0..<readers { slots.append(try SQLiteSlot(path: path, role: .reader, limits: limits)) }
        writers = SlotQueue([writer], waitersMax: limits.waitersMax)
        self.readers = SlotQueue(slots, waitersMax: limits.waitersMax)
        self.time = time
    }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await transact(readers, begin: "BEGIN", body)
    }

    @discardableResult
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await transact(writers, begin: "BEGIN IMMEDIATE", body)
    }

    /// Brings the schema to this program's version.
    @discardableResult
    public func migrate() async throws -> [Migrator.Step] {
        try await Migrator(SQLiteMigrations.all, time: time).migrate(self)
    }

    /// Waits for the transactions under way, refuses new ones, and closes the file. A second call does nothing.
    public func close() async {
        // The writer goes last: the last connection folds the log into the file, and a reader may not write.
        for slots in [readers, writers] {
            for slot in await slots.drain() {
                await withTaskExecutorPreference(slot.thread) { await Self.close(slot) }
            }
        }
    }

    private static func close(_ slot: SQLiteSlot) async { slot.close() }

    private func transact<Value: Sendable>(
        _ slots: SlotQueue, begin: String, _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        let identity = ObjectIdentifier(self)
        guard !Self.busyWith.contains(identity) else { throw DatabaseError.misuse("a transaction inside another") }
        let slot = try await slots.take()
        let outcome: Result<(Value, [@Sendable () -> Void]), any Error>
        do {
            outcome = .success(
                try await Self.$busyWith.withValue(Self.busyWith + [identity]) {
                    try await withTaskExecutorPreference(slot.thread) {
                        try await Self.run(on: slot, begin: begin, body)
                    }
                })
        } catch {
            outcome = .failure(error)
        }
        slots.giveBack(slot)
        let (value, actions) = try outcome.get()
        for action in actions { action() }
        return value
    }

    private static func run<Value: Sendable>(
        on slot: SQLiteSlot, begin: String, _ body: @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> (Value, [@Sendable () -> Void]) {
        try slot.use { handle throws(DatabaseError) in _ = try handle.execute(begin, []) }
        let transaction = SQLiteTransaction(slot: slot)
        do {
            let value = try await body(transaction)
            let (failure, actions) = transaction.seal()
            if let failure { throw failure }
            try slot.use { handle throws(DatabaseError) in _ = try handle.execute("COMMIT", []) }
            return (value, actions)
        } catch {
            _ = transaction.seal()
            rollBack(slot)
            throw error
        }
    }

    private static func rollBack(_ slot: SQLiteSlot) {
        // Cannot fail with a transaction open; SQLite has closed it itself after some errors.
        try? slot.use { handle throws(DatabaseError) in
            if handle.isInTransaction { _ = try handle.execute("ROLLBACK", []) }
        }
    }
}
