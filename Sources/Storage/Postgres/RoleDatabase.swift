public import Database

/// One database under its roles: each transaction runs on the authority that `DatabaseCaller.current` names.
///
/// A request's transaction carries the hash of its credential, by which the server's row-level security knows whose
/// rows it may see; without a credential it sees none. The hash only ever travels as an argument: the text of a
/// statement can be read by others in the server's lists and logs.
public final class RoleDatabase: SQLDatabase {
    public var dialect: SQLDialect { .postgres }
    public var vouchesForCallers: Bool { true }

    private let app: PostgresDatabase
    private let service: PostgresDatabase
    private let owner: PostgresDatabase?
    private let stepsDown: Bool

    /// One login for everything: transactions step down into the roles `cadenza_app` and `cadenza_service`. That
    /// catches a missing condition, but not SQL that was smuggled in, which can step up again.
    public init(login: PostgresDatabase) {
        app = login
        service = login
        owner = login
        stepsDown = true
    }

    /// A login for each role. Without the owner's there are no migrations.
    public init(app: PostgresDatabase, service: PostgresDatabase, owner: PostgresDatabase? = nil) {
        self.app = app
        self.service = service
        self.owner = owner
        stepsDown = false
    }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await current().read(body)
    }

    @discardableResult
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await current().write(body)
    }

    public func read(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer] {
        try await current().read(batch: statements)
    }

    @discardableResult
    public func write(batch statements: [DatabaseStatement]) async throws -> [DatabaseAnswer] {
        try await current().write(batch: statements)
    }

    /// Closes all logins' connections.
    public func close() async {
        await app.close()
        guard !stepsDown else { return }
        await service.close()
        await owner?.close()
    }

    private func current() throws(DatabaseError) -> PostgresDatabase {
        switch DatabaseCaller.current {
        case .owner:
            guard let owner else { throw .permissionDenied("no login of the schema's owner") }
            return owner
        case .service:
            return stepsDown ? service.beginning(with: [Self.asService]) : service
        // Nobody's transactions carry an empty hash: a session never goes on with another's.
        case .credential(let sha256, nil):
            let sql = stepsDown ? Self.asApp : Self.credential
            return app.beginning(with: [DatabaseStatement(sql, [.text(sha256 ?? "")])])
        case .credential(let sha256, let account?):
            let sql = (stepsDown ? Self.asApp : Self.credential) + Self.required
            return app.beginning(with: [DatabaseStatement(sql, [.text(sha256 ?? ""), .text(account)])])
        }
    }

    private static let asService = DatabaseStatement("SELECT set_config('role', 'cadenza_service', true)")
    private static let credential = "SELECT set_config('cadenza.credential', $1, true)"
    private static let asApp = credential + ", set_config('role', 'cadenza_app', true)"
    /// Evaluated after the settings: Postgres goes through a list of results from left to right.
    private static let required = ", require_credential($2)"
}
