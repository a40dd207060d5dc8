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
        let url = settings.database.url
        return isSQLite(settings)
            ? try await sqlite(String(url.dropFirst(sqlitePrefix.count)), settings, isNew, time)
            : try await postgres(settings, time: time, server: server)
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
        return DatabaseEngine(database: database, migrations: SQLiteMigrations.all, notices: nil) {
            await database.close()
        }
    }
}
