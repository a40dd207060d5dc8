import Database
import Support
import Synchronization

/// A database whose writes break off: at a statement, at the commit, or once they are committed and nobody learns of
/// it. On Postgres the connection's backend is terminated, on SQLite the transaction's body throws.
final class CrashingDatabase: SQLDatabase {
    enum Crash: Hashable, Sendable {
        /// Before or during this statement of the transaction, counted from 0.
        case statement(Int, isDuring: Bool)
        case commit
        case lostAnswer
    }

    /// Terminates the backend with that process id.
    typealias Kill = @Sendable (Int64) async -> Void

    private let inner: any SQLDatabase
    private let kill: Kill
    private let random: Mutex<SeededGenerator>
    private let crashes = Mutex(0)

    init(_ inner: any SQLDatabase, seed: UInt64, kill: @escaping Kill) {
        self.inner = inner
        self.kill = kill
        random = Mutex(SeededGenerator(seed: seed))
    }

    var dialect: SQLDialect { inner.dialect }

    /// How many writes were told to break off.
    var crashCount: Int { crashes.withLock { $0 } }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await inner.steadily { try await $0.read(body) }
    }

    @discardableResult
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        guard let crash = next() else { return try await inner.write(body) }
        crashes.withLock { $0 += 1 }
        // A body that is run again has no second crash.
        let fuse = Fuse(crash)
        let kill = kill
        let value = try await inner.write { connection in
            let crashing = try await CrashingConnection(connection, fuse: fuse, kill: kill)
            let value = try await body(crashing)
            try await crashing.reachCommit()
            return value
        }
        if crash == .lostAnswer { throw DatabaseError.outcomeUnknown }
        return value
    }

    private func next() -> Crash? {
        random.withLock { random in
            switch Int.random(in: 0..<12, using: &random) {
            case 0:
                .statement(Int.random(in: 0..<(dialect == .postgres ? 1 : 9), using: &random), isDuring: false)
            case 1: .statement(0, isDuring: true)
            case 2: .commit
            case 3: .lostAnswer
            default: nil
            }
        }
    }
}

/// A crash that happens once.
private final class Fuse: Sendable {
    private let crash: Mutex<CrashingDatabase.Crash?>

    init(_ crash: CrashingDatabase.Crash) { self.crash = Mutex(crash) }

    /// Whether `isMet` holds for the crash, the first time that it does.
    func blows(_ isMet: (CrashingDatabase.Crash) -> Bool) -> CrashingDatabase.Crash? {
        crash.withLock { crash in
            guard let waiting = crash, isMet(waiting) else { return nil }
            crash = nil
            return waiting
        }
    }
}

private final class CrashingConnection: DatabaseConnection {
    private let inner: any DatabaseConnection
    private let fuse: Fuse
    private let kill: CrashingDatabase.Kill
    private let process: Int64?
    private let count = Mutex(0)

    init(_ inner: any DatabaseConnection, fuse: Fuse, kill: @escaping CrashingDatabase.Kill) async throws(DatabaseError)
    {
        self.inner = inner
        self.fuse = fuse
        self.kill = kill
        let isServer = inner.dialect == .postgres
        process =
            isServer
            ? try await inner.query("SELECT pg_backend_pid()::BIGINT AS pid", []).first?.integer("pid") : nil
    }

    var dialect: SQLDialect { inner.dialect }

    func query(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> [DatabaseRow] {
        try await reachStatement()
        return try await inner.query(sql, arguments)
    }

    func execute(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> Int {
        try await reachStatement()
        return try await inner.execute(sql, arguments)
    }

    func batch(_ statements: [DatabaseStatement]) async throws(DatabaseError) -> [DatabaseAnswer] {
        try await reachStatement()
        return try await inner.batch(statements)
    }

    func executeScript(_ sql: String) async throws(DatabaseError) { try await inner.executeScript(sql) }

    func afterCommit(_ action: @escaping @Sendable () -> Void) { inner.afterCommit(action) }

    private func reachStatement() async throws(DatabaseError) {
        let number = count.withLock { count in
            defer { count += 1 }
            return count
        }
        switch fuse.blows({ if case .statement(number, _) = $0 { true } else { false } }) {
        case .statement(_, let isDuring): try await die(beside: isDuring)
        default: break
        }
    }

    func reachCommit() async throws(DatabaseError) {
        if fuse.blows({ $0 == .commit }) != nil { try await die(beside: true) }
    }

    /// - Parameter isBeside: whether what comes next is sent meanwhile.
    private func die(beside isBeside: Bool) async throws(DatabaseError) {
        guard let process else { throw .connectionLost }
        guard isBeside else { return await kill(process) }
        let kill = kill
        Task.detached { await kill(process) }
    }
}

extension SQLDatabase {
    /// A backend that was told to end may do so while somebody else has its connection: what only reads is asked again.
    func steadily<Value>(_ ask: (any SQLDatabase) async throws -> Value) async throws -> Value {
        for _ in 0..<20 {
            do { return try await ask(self) } catch DatabaseError.connectionLost {}
        }
        return try await ask(self)
    }
}
