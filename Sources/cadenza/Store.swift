import Accounts
import Config
import Core
import Database
import Glibc
import Ledger
import SQLite

/// The database with the rooms that stand on it: what both the server and the operator's commands open.
struct Store: Sendable {
    let settings: Settings
    let database: SQLiteDatabase
    let time = SystemTime()
    let ledger: CreditLedger
    let accounts: AccountService

    /// Opens the database of the settings and brings its schema up to date.
    /// - Parameter isNew: whether a database that is not there yet is made.
    static func open(_ settings: Settings, isNew: Bool) async throws -> Store {
        let prefix = "sqlite:"
        guard settings.database.url.hasPrefix(prefix) else {
            throw CommandFailure("database.url must begin with \(prefix)", exit: .config)
        }
        let path = String(settings.database.url.dropFirst(prefix.count))
        if isNew {
            try makeDirectory(settings.data.directory)
        } else if access(path, F_OK) != 0 {
            throw CommandFailure(
                "there is no database at \(path); DATA_DIR or --config say where the server's is", exit: .noInput)
        }
        let time = SystemTime()
        let database = try SQLiteDatabase(path: path, time: time)
        try await Migrator(SQLiteMigrations.all, time: time).migrate(database)
        return Store(
            settings: settings, database: database, ledger: CreditLedger(time: time),
            accounts: AccountService(database: database, time: time))
    }

    private init(settings: Settings, database: SQLiteDatabase, ledger: CreditLedger, accounts: AccountService) {
        self.settings = settings
        self.database = database
        self.ledger = ledger
        self.accounts = accounts
    }

    /// Opens an account with the trial's credits; the account that has the e-mail address is returned as it is.
    func openAccount(email: String) async throws -> AccountID {
        if let existing = try? await accounts.account(named: email) { return existing }
        let (ledger, trial) = (ledger, settings.credits.trial)
        let id = AccountID(at: time.now())
        try await database.write { connection in
            try await ledger.openAccount(id, email: email, in: connection)
            if let amount = CreditAmount(Int64(trial)) {
                _ = try await ledger.grant(
                    amount, to: id, source: .trial, reference: "trial", expiresAt: nil, in: connection)
            }
        }
        return id
    }

    /// mkdir -p, for its owner only.
    static func makeDirectory(_ path: String) throws {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else {
                throw CommandFailure("\(made) cannot be made: errno \(errno)", exit: .cannotCreate)
            }
        }
    }
}
