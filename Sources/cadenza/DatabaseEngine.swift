import Config
import Core
import Database
import Glibc
import Postgres
import Reactor
import SQLite
import Telemetry

/// The database that `database.url` names, opened with its schema up to date. Which engine it is matters only here.
struct DatabaseEngine: Sendable {
    let database: any SQLDatabase
    let migrations: [Migration]
    /// Waits for what is under way and closes.
    let close: @Sendable () async -> Void

    /// - Parameters:
    ///   - isNew: whether a SQLite file that is not there yet is made.
    ///   - log: a server's; an operator's command has none, and may keep the database busy for as long as it takes.
    static func open(
        _ settings: Settings, isNew: Bool, time: any TimeSource, log: Logger?
    ) async throws -> DatabaseEngine {
        let url = settings.database.url
        return isSQLite(settings)
            ? try await sqlite(String(url.dropFirst(sqlitePrefix.count)), settings, isNew, time)
            : try await postgres(url, settings, time, log)
    }

    private static let sqlitePrefix = "sqlite:"

    /// A file, which one server at a time uses.
    static func isSQLite(_ settings: Settings) -> Bool { settings.database.url.hasPrefix(sqlitePrefix) }

    private static func sqlite(
        _ path: String, _ settings: Settings, _ isNew: Bool, _ time: any TimeSource
    ) async throws -> DatabaseEngine {
        if isNew {
            try Store.makeDirectory(settings.data.directory)
        } else if access(path, F_OK) != 0 {
            throw CommandFailure(
                "there is no database at \(path); DATA_DIR or --config say where the server's is", exit: .noInput)
        }
        let database = try SQLiteDatabase(path: path, time: time)
        try await database.migrate()
        return DatabaseEngine(database: database, migrations: SQLiteMigrations.all) { await database.close() }
    }

    private static func postgres(
        _ url: String, _ settings: Settings, _ time: any TimeSource, _ log: Logger?
    ) async throws -> DatabaseEngine {
        guard let address = try? PostgresAddress(url) else {
            throw CommandFailure("database.url is no URL that libpq can read", exit: .config)
        }
        let loops = try (0..<(log == nil ? 1 : settings.http.loops)).map { try EventLoop(name: "postgres-\($0)") }
        do {
            // A change of the schema may take longer than a request's statement may.
            let patient = try await PostgresDatabase.open(address, loops: loops, time: time, limits: .patient)
            if log == nil {
                try await patient.migrate()
                return engine(patient, loops)
            }
            do {
                try await patient.migrate()
            } catch {
                await patient.close()
                throw error
            }
            await patient.close()
            let database = try await PostgresDatabase.open(
                address, loops: loops, time: time, limits: settings.postgresLimits,
                observe: { event in log.map { report(event, $0) } })
            return engine(database, loops)
        } catch {
            for loop in loops { loop.stop() }
            throw error
        }
    }

    private static func engine(_ database: PostgresDatabase, _ loops: [EventLoop]) -> DatabaseEngine {
        DatabaseEngine(database: database, migrations: PostgresMigrations.all) {
            await database.close()
            for loop in loops { loop.stop() }
        }
    }

    private static func report(_ event: PostgresEvent, _ log: Logger) {
        switch event {
        case .connected: log.debug("database connection made")
        case .unreachable(let error): log.error("database unreachable", ["cause": "\(error)"])
        case .lost(let error): log.warning("database connection lost", ["cause": "\(error)"])
        }
    }
}
