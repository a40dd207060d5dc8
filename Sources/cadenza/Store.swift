import Accounts
import Config
import Core
import Database
import Glibc
import Ledger
import Telemetry

/// The database with the rooms that stand on it: what both the server and the operator's commands open.
struct Store: Sendable {
    let settings: Settings
    let time: SystemTime
    let ledger: CreditLedger
    let accounts: AccountService
    private let engine: DatabaseEngine

    var database: any SQLDatabase { engine.database }
    var migrations: [Migration] { engine.migrations }
    var notices: ServerNotices? { engine.notices }

    /// Opens the database of the settings and brings its schema up to date.
    /// - Parameters:
    ///   - isNew: whether a database that is not there yet is made.
    ///   - server: whose loops the connections are to share, and whose log hears of those that are lost.
    static func open(_ settings: Settings, isNew: Bool, server: ServerHost? = nil) async throws -> Store {
        let time = SystemTime()
        let engine = try await DatabaseEngine.open(settings, isNew: isNew, time: time, server: server)
        return Store(settings: settings, time: time, engine: engine)
    }

    private init(settings: Settings, time: SystemTime, engine: DatabaseEngine) {
        self.settings = settings
        self.time = time
        self.engine = engine
        ledger = CreditLedger(time: time)
        accounts = AccountService(database: engine.database, time: time)
    }

    func close() async { await engine.close() }

    /// Wakes the servers of the database; what cannot be told they find out by polling.
    func tellServers() async { try? await notices?.wake() }

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
