import Accounts
import Database
import HTTPServer
import Ledger
import Reactor

extension CommandFailure {
    /// What the rooms' own errors mean to the person at the terminal; nil for errors of the command line.
    init?(describing error: any Error) {
        switch error {
        case let error as DatabaseError: self.init(error)
        case LedgerError.database(let error): self.init(error)
        case LedgerError.referenceConflict:
            self.init("the reference was used before with another amount, or the e-mail is taken", exit: .usage)
        case let error as LedgerError: self.init("the ledger refused: \(error)", exit: .software)
        case ServerError.invalidHost(let host):
            self.init("http.address is \(host); it must be a numeric address such as 127.0.0.1 or ::1", exit: .config)
        case ServerError.cannotListen(let address, let cause):
            self.init("\(address) cannot be listened on: \(cause)", exit: .unavailable)
        case ServerError.cannotStartLoop(let cause):
            self.init("an event loop cannot be started: \(cause)", exit: .software)
        case let error as TLSError: self.init(error.description, exit: .config)
        case let error as AccountError: self.init("\(error)", exit: .software)
        default: return nil
        }
    }

    private init(_ error: DatabaseError) {
        switch error {
        case .full: self.init("the database's disk is full", exit: .cannotCreate)
        case .corrupt: self.init("the database file is no database, or is damaged", exit: .badInput)
        case .busy: self.init("others hold the database", exit: .unavailable)
        case .schemaTooNew(let found, let known):
            self.init("the database is of a newer version: schema \(found), known \(known)", exit: .config)
        case .migrationChanged(let number):
            self.init("migration \(number) is not the one that was applied to the database", exit: .config)
        case .unreachable(let reason): self.init("the database cannot be reached: \(reason)", exit: .unavailable)
        case .permissionDenied(let message): self.init("the database refuses: \(message)", exit: .config)
        case .failed(_, let message): self.init("the database: \(message)", exit: .cannotCreate)
        default: self.init("the database: \(error)", exit: .software)
        }
    }
}
