import Config
import Core
import Database
import Postgres
import Reactor
import Telemetry

extension DatabaseEngine {
    /// The logins of `database.url`, `.service_url` and `.owner_url`; how they share the work is in docs/database.md.
    static func postgres(
        _ settings: Settings, time: any TimeSource, server: ServerHost?
    ) async throws -> DatabaseEngine {
        let own = server == nil ? [try EventLoop(name: "postgres")] : []
        let logins = Logins(settings: settings, loops: server?.loops ?? own, time: time, log: server?.log)
        do {
            let database = settings.database.serviceURL.isEmpty ? try await logins.one() : try await logins.each()
            let notices = try await logins.notices(database)
            return DatabaseEngine(database: database, migrations: PostgresMigrations.all, notices: notices) {
                await database.close()
                for loop in own { loop.stop() }
            }
        } catch {
            for loop in own { loop.stop() }
            throw error
        }
    }

    /// The login that changes the schema; a server's that has none still can look at it.
    static func postgresSchema(_ settings: Settings, time: any TimeSource) async throws -> DatabaseEngine {
        let loop = try EventLoop(name: "postgres")
        do {
            let logins = Logins(settings: settings, loops: [loop], time: time, log: nil)
            let database = try await logins.schema()
            return DatabaseEngine(database: database, migrations: PostgresMigrations.all, notices: nil) {
                await database.close()
                loop.stop()
            }
        } catch {
            loop.stop()
            throw error
        }
    }
}

/// Opens what the settings name. An operator's command, which has no log, may keep the database busy for as long as
/// it takes; a server's change of the schema may as well, but not its requests.
private struct Logins {
    let settings: Settings
    let loops: [EventLoop]
    let time: any TimeSource
    let log: Logger?

    /// One login that steps down into the roles.
    func one() async throws -> RoleDatabase {
        try await migrate(settings.database.url, "url")
        let database = RoleDatabase(login: try await open(settings.database.url, "url"))
        do {
            for caller in [DatabaseCaller.service, .credential(sha256: nil)] {
                try await DatabaseCaller.$current.withValue(caller) {
                    _ = try await database.read { try await $0.query("SELECT 1 AS one", []) }
                }
            }
        } catch {
            await database.close()
            throw error
        }
        log?.warning(
            "one database login does everything: what gets SQL into a request can move anybody's credits; set "
                + "database.service_url and database.owner_url (docs/database.md)")
        return database
    }

    /// A login for each role.
    func each() async throws -> RoleDatabase {
        if !settings.database.ownerURL.isEmpty { try await migrate(settings.database.ownerURL, "owner_url") }
        let service = try await open(settings.database.serviceURL, "service_url")
        do {
            try await requireSchema(service)
            let app = try await open(settings.database.url, "url")
            let database = RoleDatabase(app: app, service: service)
            do {
                try await requireWeakness(database)
            } catch {
                await database.close()
                throw error
            }
            return database
        } catch {
            await service.close()
            throw error
        }
    }

    func schema() async throws -> PostgresDatabase {
        if !settings.database.ownerURL.isEmpty { return try await open(settings.database.ownerURL, "owner_url") }
        return settings.database.serviceURL.isEmpty
            ? try await open(settings.database.url, "url")
            : try await open(settings.database.serviceURL, "service_url")
    }

    /// Servers tell each other as the service, and listen where they are told to, else with its login.
    func notices(_ database: RoleDatabase) async throws -> ServerNotices {
        let urls = [
            (settings.database.listenURL, "listen_url"), (settings.database.serviceURL, "service_url"),
            (settings.database.url, "url"),
        ]
        let (url, key) = urls.first { !$0.0.isEmpty } ?? urls[2]
        return try await ServerNotices(
            database: database, address: try address(url, key), loop: loops[0], limits: settings.postgresLimits)
    }

    /// Requests on a login that may all would be a wall that nobody misses until it is needed.
    private func requireWeakness(_ database: RoleDatabase) async throws {
        let isStrong = try await DatabaseCaller.$current.withValue(.credential(sha256: nil)) {
            try await database.read { connection in
                try await connection.query(
                    """
                    SELECT (rolsuper OR rolbypassrls OR rolcreaterole OR EXISTS (
                        SELECT FROM pg_roles other WHERE other.rolname NOT IN (current_user, 'cadenza_app')
                            AND pg_has_role(current_user, other.oid, 'MEMBER')))::INT AS strong
                    FROM pg_roles WHERE rolname = current_user
                    """, []
                ).first?.bool("strong") ?? true
            }
        }
        guard isStrong else { return }
        throw CommandFailure(
            "the login of database.url may do more than cadenza_app (docs/database.md)", exit: .config)
    }

    private func requireSchema(_ service: PostgresDatabase) async throws {
        do {
            let steps = try await Migrator(PostgresMigrations.all, time: time).status(service)
            guard steps.contains(where: { !$0.isApplied }) else { return }
        } catch DatabaseError.permissionDenied {
            // Nothing is there yet that the service could read.
        }
        throw CommandFailure(
            "the schema is not up to date: run cadenza migrate with database.owner_url", exit: .config)
    }

    private func migrate(_ url: String, _ key: String) async throws {
        let owner = try await PostgresDatabase.open(address(url, key), loops: loops, time: time, limits: .patient)
        do {
            try await owner.migrate()
            await owner.close()
        } catch {
            await owner.close()
            throw error
        }
    }

    private func open(_ url: String, _ key: String) async throws -> PostgresDatabase {
        let log = log
        return try await PostgresDatabase.open(
            address(url, key), loops: loops, time: time, limits: log == nil ? .patient : settings.postgresLimits,
            observe: { event in log.map { Self.report(event, $0) } })
    }

    private func address(_ url: String, _ key: String) throws -> PostgresAddress {
        guard let address = try? PostgresAddress(url) else {
            throw CommandFailure("database.\(key) is no URL that libpq can read", exit: .config)
        }
        return address
    }

    private static func report(_ event: PostgresEvent, _ log: Logger) {
        switch event {
        case .connected: log.debug("database connection made")
        case .unreachable(let error): log.error("database unreachable", ["cause": "\(error)"])
        case .lost(let error): log.warning("database connection lost", ["cause": "\(error)"])
        }
    }
}
