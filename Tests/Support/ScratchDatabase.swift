public import Core
public import Database
internal import Glibc
internal import Postgres
internal import SQLite

/// A fresh, migrated database for a test that holds it as a value; closed and removed when the last reference goes.
/// Its engine is SQLite, or the one that CADENZA_TEST_ENGINE names.
public final class ScratchDatabase: Sendable {
    public let database: any SQLDatabase
    private let remove: @Sendable () async -> Void

    private init(_ database: any SQLDatabase, remove: @escaping @Sendable () async -> Void) {
        self.database = database
        self.remove = remove
    }

    deinit {
        let remove = remove
        Task.detached { await remove() }
    }

    public static func open(time: any TimeSource) async throws -> ScratchDatabase {
        let engine = getenv("CADENZA_TEST_ENGINE").map { String(cString: $0) } ?? Backend.sqlite.rawValue
        switch Backend(rawValue: engine) {
        case .sqlite: return try await sqlite(time)
        case .postgres: return try await postgres(time)
        case nil: throw DatabaseError.misuse("CADENZA_TEST_ENGINE is \(engine)")
        }
    }

    private static func sqlite(_ time: any TimeSource) async throws -> ScratchDatabase {
        let directory = TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path("test.sqlite"), time: time)
        try await database.migrate()
        return ScratchDatabase(database) {
            await database.close()
            withExtendedLifetime(directory) {}
        }
    }

    private static func postgres(_ time: any TimeSource) async throws -> ScratchDatabase {
        let name = try await PostgresServer.createDatabase(isMigrated: true)
        do {
            var limits = PostgresLimits.unhurried
            limits.connectionsMax = 4
            let database = try await PostgresDatabase.open(
                PostgresAddress(PostgresServer.url(database: name)), loops: PostgresServer.loops, time: time,
                limits: limits)
            // Under the roles, as a server is: what a test's caller may not do fails.
            return ScratchDatabase(RoleDatabase(login: database)) {
                await database.close()
                try? await PostgresServer.dropDatabase(name)
            }
        } catch {
            try? await PostgresServer.dropDatabase(name)
            throw error
        }
    }
}
