public import Core
public import Database
internal import Postgres
public import SQLite

/// The engines that one test body runs on.
public enum Backend: String, CaseIterable, Sendable {
    case sqlite
    case postgres

    /// Runs `body` on a fresh, migrated database, then closes and removes it. On Postgres it runs as the role that
    /// `DatabaseCaller.current` names, by default `cadenza_service`.
    public func withDatabase<Value: Sendable>(
        time: any TimeSource = ManualTime(), _ body: (any SQLDatabase) async throws -> Value
    ) async throws -> Value {
        switch self {
        case .sqlite:
            try await withSQLite(time: time) { database, _ in
                try await database.migrate()
                return try await body(database)
            }
        case .postgres:
            try await withPostgres(time: time) { database, _ in try await body(RoleDatabase(login: database)) }
        }
    }
}

extension Backend {
    /// Runs `body` on two openings of one database without a schema, as two processes have them.
    public func withTwo<Value: Sendable>(
        time: any TimeSource = ManualTime(), _ body: (any SQLDatabase, any SQLDatabase) async throws -> Value
    ) async throws -> Value {
        switch self {
        case .sqlite:
            try await withSQLite(time: time) { database, directory in
                let other = try SQLiteDatabase(path: directory.path("test.db"), readers: 2, time: time)
                return try await closing(other.close) { try await body(database, other) }
            }
        case .postgres:
            try await withPostgres(isMigrated: false, time: time) { database, address in
                let other = try await PostgresDatabase.open(
                    address, loops: PostgresServer.loops, time: time, limits: .unhurried)
                return try await closing(other.close) { try await body(database, other) }
            }
        }
    }

    /// All the schema's steps of the engine.
    public var migrations: [Migration] {
        switch self {
        case .sqlite: SQLiteMigrations.all
        case .postgres: PostgresMigrations.all
        }
    }

    private func closing<Value>(
        _ close: () async -> Void, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body()
            await close()
            return value
        } catch {
            await close()
            throw error
        }
    }
}

/// Runs `body` on a fresh SQLite file without a schema, then closes and removes it.
public func withSQLite<Value: Sendable>(
    time: any TimeSource = ManualTime(), limits: SQLiteLimits = SQLiteLimits(),
    _ body: (SQLiteDatabase, TemporaryDirectory) async throws -> Value
) async throws -> Value {
    let directory = TemporaryDirectory()
    let database = try SQLiteDatabase(path: directory.path("test.db"), readers: 2, time: time, limits: limits)
    do {
        let value = try await body(database, directory)
        await database.close()
        return value
    } catch {
        await database.close()
        throw error
    }
}
