public import Core

/// Brings a schema forward: each migration in one transaction under a lock, its version row first.
public struct Migrator: Sendable {
    /// What `status` says of one migration.
    public struct Step: Hashable, Sendable {
        public var number: Int
        public var name: String
        public var isApplied: Bool
    }

    private let migrations: [Migration]
    private let time: any TimeSource

    /// - Parameter migrations: numbered 1, 2, 3 … without a gap; another order is the programmer's error.
    public init(_ migrations: [Migration], time: any TimeSource) {
        precondition(migrations.map(\.number) == Array(1..<migrations.count + 1), "migrations out of order")
        self.migrations = migrations
        self.time = time
    }

    /// Applies what is missing and returns it. Several processes may do so at once.
    ///
    /// - Throws: `DatabaseError.schemaTooNew`, `.migrationChanged`; the schema is then untouched.
    @discardableResult
    public func migrate(_ database: any SQLDatabase) async throws -> [Step] {
        var applied: [Step] = []
        for migration in migrations {
            let isNew = try await database.write { connection in
                try await lock(connection)
                let known = try await checked(connection)
                guard !known.contains(migration.number) else { return false }
                try await apply(migration, connection)
                return true
            }
            if isNew { applied.append(Step(number: migration.number, name: migration.name, isApplied: true)) }
        }
        return applied
    }

    /// All migrations that this program knows, in order.
    ///
    /// - Throws: as `migrate` does.
    public func status(_ database: any SQLDatabase) async throws -> [Step] {
        let known = try await database.read { connection in try await checked(connection) }
        return migrations.map { Step(number: $0.number, name: $0.name, isApplied: known.contains($0.number)) }
    }

    private func lock(_ connection: any DatabaseConnection) async throws(DatabaseError) {
        switch connection.dialect {
        case .sqlite: break  // A write transaction is the only one there is.
        case .postgres: _ = try await connection.query("SELECT pg_advisory_xact_lock(\(Self.lockKey))", [])
        }
        let exists = try await hasTable(connection)
        if !exists { try await connection.executeScript(Self.table) }
    }

    /// The numbers applied before, once their checksums were found unchanged and none found unknown.
    private func checked(_ connection: any DatabaseConnection) async throws(DatabaseError) -> Set<Int> {
        guard try await hasTable(connection) else { return [] }
        let rows = try await connection.query("SELECT number, checksum FROM schema_migrations ORDER BY number", [])
        var numbers: Set<Int> = []
        for row in rows {
            let number = Int(try row.integer("number"))
            guard number <= migrations.count else {
                let found = Int(try rows[rows.count - 1].integer("number"))
                throw .schemaTooNew(found: found, known: migrations.count)
            }
            guard number >= 1, try row.text("checksum") == migrations[number - 1].checksum else {
                throw .migrationChanged(number: number)
            }
            numbers.insert(number)
        }
        return numbers
    }

    private func hasTable(_ connection: any DatabaseConnection) async throws(DatabaseError) -> Bool {
        let catalogue =
            switch connection.dialect {
            case .sqlite: "SELECT 1 AS found FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
            case .postgres: "SELECT 1 AS found WHERE to_regclass('schema_migrations') IS NOT NULL"
            }
        return try await !connection.query(catalogue, []).isEmpty
    }

    private func apply(_ migration: Migration, _ connection: any DatabaseConnection) async throws(DatabaseError) {
        _ = try await connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
            [
                .integer(Int64(migration.number)), .text(migration.name), .text(migration.checksum),
                .integer(time.now().milliseconds),
            ])
        try await connection.executeScript(migration.sql)
    }

    /// An arbitrary number, the same in every version of this program.
    private static let lockKey = 7_238_105_941

    private static let table = """
        CREATE TABLE schema_migrations (
            number BIGINT PRIMARY KEY CHECK (number >= 1),
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            applied_at BIGINT NOT NULL
        )
        """
}
