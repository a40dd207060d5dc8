import Config
import Core
import Database
import Glibc
import Postgres
import Reactor
import SQLite
import Telemetry

/// What a server lends its database.
struct ServerHost: Sendable {
    let log: Logger
    /// They run until the process ends: connections to clients and to the database share them, so that a request's
    /// statements need no other thread.
    let loops: [EventLoop]

    init(_ settings: Settings, log: Logger) throws {
        self.log = log
        loops = try (0..<max(1, settings.http.loops)).map { try EventLoop(name: "loop-\($0)") }
    }
}

/// The database that `database.url` names, opened with its schema up to date. Which engine it is matters only here.
struct DatabaseEngine: Sendable {
    let database: any SQLDatabase
    let migrations: [Migration]
    /// `nil` where the database has one server only.
    let notices: ServerNotices?
    /// Waits for what is under way and closes.
    let close: @Sendable () async -> Void

    /// - Parameters:
    ///   - isNew: whether a SQLite file that is not there yet is made.
    ///   - server: `nil` for an operator's command, which may keep the database busy for as long as it takes.
    static func open(
        _ settings: Settings, isNew: Bool, time: any TimeSource, server: ServerHost?
    ) async throws -> DatabaseEngine {
        guard isSQLite(settings) else { return try await postgres(settings, time: time, server: server) }
        let (engine, database) = try sqlite(sqlitePath(settings), settings, isNew, time)
        try await database.migrate()
        return engine
    }

    /// The database with its schema as it is, by the login that changes it.
    ///
    /// - Returns: `nil` if it is a SQLite file that is not there, and `isNew` does not say to make it.
    static func openSchema(_ settings: Settings, isNew: Bool, time: any TimeSource) async throws -> DatabaseEngine? {
        guard isSQLite(settings) else { return try await postgresSchema(settings, time: time) }
        let path = sqlitePath(settings)
        guard isNew || access(path, F_OK) == 0 else { return nil }
        return try sqlite(path, settings, isNew, time).engine
    }

    /// Whether `openSchema` opens a login that may change the schema.
    static func mayMigrate(_ settings: Settings) -> Bool {
        settings.database.serviceURL.isEmpty || !settings.database.ownerURL.isEmpty
    }

    /// The schema's steps of the engine that the settings name.
    static func migrations(_ settings: Settings) -> [Migration] {
        isSQLite(settings) ? SQLiteMigrations.all : PostgresMigrations.all
    }

    private static let sqlitePrefix = "sqlite:"

    /// A file, which one server at a time uses.
    static func isSQLite(_ settings: Settings) -> Bool { settings.database.url.hasPrefix(sqlitePrefix) }

    private static func sqlitePath(_ settings: Settings) -> String {
        String(settings.database.url.dropFirst(sqlitePrefix.count))
    }

    private static func sqlite(
        _ path: String, _ settings: Settings, _ isNew: Bool, _ time: any TimeSource
    ) throws -> (engine: DatabaseEngine, database: SQLiteDatabase) {
        if isNew {
            try Store.makeDirectory(settings.data.directory)
        } else if access(path, F_OK) != 0 {
            throw CommandFailure(
                "there is no database at \(path); DATA_DIR or --config say where the server's is", exit: .noInput)
        }
        let database = try SQLiteDatabase(path: path, time: time)
        let engine = DatabaseEngine(database: database, migrations: SQLiteMigrations.all, notices: nil) {
            await database.close()
        }
        return (engine, database)
    }
}
