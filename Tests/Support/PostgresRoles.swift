public import Core
public import Postgres

/// A fresh, migrated database with a login for each role.
public struct PostgresRoles: Sendable {
    public let app: PostgresDatabase
    public let service: PostgresDatabase
    public let owner: PostgresDatabase
    /// All three behind one seam, as a server has them.
    public let database: RoleDatabase

    /// Runs `body`, then closes the logins and drops the database.
    public static func open<Value: Sendable>(
        time: any TimeSource = ManualTime(), _ body: (PostgresRoles) async throws -> Value
    ) async throws -> Value {
        try await withPostgres(time: time) { owner, address in
            let password = try await logins.value
            let app = try await PostgresDatabase.open(
                address.role("cadenza_app", password: password), loops: PostgresServer.loops, time: time)
            do {
                let service = try await PostgresDatabase.open(
                    address.role("cadenza_service", password: password), loops: PostgresServer.loops, time: time)
                let roles = PostgresRoles(
                    app: app, service: service, owner: owner,
                    database: RoleDatabase(app: app, service: service, owner: owner))
                do {
                    let value = try await body(roles)
                    await service.close()
                    await app.close()
                    return value
                } catch {
                    await service.close()
                    throw error
                }
            } catch {
                await app.close()
                throw error
            }
        }
    }

    /// The URL of a role's own login. The server must have had a migrated database: that makes the roles.
    public static func url(role: String, database: String) async throws -> String {
        let url = try PostgresServer.url(database: database)
        guard let range = url.firstRange(of: "cadenza@") else { throw PostgresServer.Missing(description: url) }
        return url[..<range.lowerBound] + "\(role):\(try await logins.value)@" + url[range.upperBound...]
    }

    /// Lets the roles log in, once for the whole server: the first migration has made them.
    private static let logins = Task {
        let password = Identifier<AccountKind>(at: SystemTime().now()).text
        try await PostgresServer.run(
            ["cadenza_app", "cadenza_service"].map { "ALTER ROLE \($0) LOGIN PASSWORD '\(password)'" })
        return password
    }
}
