public import Core

/// Brings a schema forward: each migration in one transaction under a lock, its version row first.
public struct Migrator: Sendable {
    /// What `status` says of one migration.
    public struct Step: Hashable, Sendable {
        public var number: Int
        public var name: String
        public var isApplied: Bool
    }

    /// What the database knows of a migration, this program's or not.
    public struct Finding: Hashable, Sendable {
        public enum State: Hashable, Sendable {
            /// Applied, by the text that this program knows.
            case applied
            /// Applied, but this program's text is another one.
            case changed
            case pending
            /// Applied by a newer version of this program, which this one does not know.
            case newer
        }

        public var number: Int
        public var name: String
        public var appliedAt: Timestamp?
        public var state: State
    }

    private struct Record {
        var number: Int
        var name: String
        var checksum: String
        var appliedAt: Timestamp
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

    /// What `migrate` would apply now, in order; changes nothing.
    ///
    /// - Throws: as `migrate` does.
    public func plan(_ database: any SQLDatabase) async throws -> [Migration] {
        let known = try await database.read { connection in try await checked(connection) }
        return migrations.filter { !known.contains($0.number) }
    }

    /// All migrations that this program or the database knows, in order, also where `migrate` would refuse them.
    public func survey(_ database: any SQLDatabase) async throws -> [Finding] {
        let applied = try await database.read { connection in try await records(connection) }
        let numbers = Set(applied.map(\.number))
        let pending = migrations.filter { !numbers.contains($0.number) }.map(Self.pending)
        let found = applied.map {
            Finding(number: $0.number, name: $0.name, appliedAt: $0.appliedAt, state: state(of: $0))
        }
        return (found + pending).sorted { $0.number < $1.number }
    }

    /// What `survey` says of a step that a database lacks.
    public static func pending(_ migration: Migration) -> Finding {
        Finding(number: migration.number, name: migration.name, appliedAt: nil, state: .pending)
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
        let applied = try await records(connection)
        for record in applied {
            guard record.number <= migrations.count else {
                throw .schemaTooNew(found: applied[applied.count - 1].number, known: migrations.count)
            }
            guard state(of: record) == .applied else { throw .migrationChanged(number: record.number) }
        }
        return Set(applied.map(\.number))
    }

    private func state(of record: Record) -> Finding.State {
        if record.number > migrations.count { return .newer }
        guard record.number >= 1, record.checksum == migrations[record.number - 1].checksum else { return .changed }
        return .applied
    }

    /// What the database says of its steps, in their order.
    private func records(_ connection: any DatabaseConnection) async throws(DatabaseError) -> [Record] {
        guard try await hasTable(connection) else { return [] }
        let rows = try await connection.query(
            "SELECT number, name, checksum, applied_at FROM schema_migrations ORDER BY number", [])
        var records: [Record] = []
        for row in rows {
            records.append(
                Record(
                    number: Int(try row.integer("number")), name: try row.text("name"),
                    checksum: try row.text("checksum"),
                    appliedAt: Timestamp(milliseconds: try row.integer("applied_at"))))
        }
        return records
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
