public import Core
public import Database

/// An account's balance and a page of each of its histories, all of one moment.
public struct Statement: Sendable {
    public var balance: Balance
    /// `nil` where the cursor said that the history has ended.
    public var purchases: LedgerPage<Purchase>?
    public var usage: LedgerPage<Usage>?
}

/// The ledger's questions with a transaction of their own, for callers that have none.
public struct LedgerReader: Sendable {
    private let database: any SQLDatabase
    private let ledger: CreditLedger

    public init(database: any SQLDatabase, ledger: CreditLedger) {
        self.database = database
        self.ledger = ledger
    }

    /// - Parameters:
    ///   - purchasesCursor: `nil` for the first page, `.some(nil)` if there are no more.
    ///   - usageCursor: likewise.
    /// - Throws: `LedgerError`, `DatabaseError`.
    public func statement(
        of account: AccountID, limit: Int, purchasesCursor: String??, usageCursor: String??
    ) async throws -> Statement {
        let ledger = ledger
        return try await database.read { connection in
            var statement = Statement(balance: try await ledger.balance(of: account, in: connection))
            if purchasesCursor != .some(nil) {
                statement.purchases = try await ledger.purchases(
                    of: account, limit: limit, before: purchasesCursor ?? nil, in: connection)
            }
            if usageCursor != .some(nil) {
                statement.usage = try await ledger.usage(
                    of: account, limit: limit, before: usageCursor ?? nil, in: connection)
            }
            return statement
        }
    }
}
