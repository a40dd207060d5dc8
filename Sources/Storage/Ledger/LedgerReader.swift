public import Core
public import Database

/// An account's balance and a page of each of its histories, all of one moment.
public struct Statement: Sendable {
    public var balance: Balance
    public var email: String?
    /// `nil` where the cursor said that the history has ended.
    public var purchases: LedgerPage<Purchase>?
    public var usage: LedgerPage<Usage>?
}

/// The ledger's questions with a transaction of their own, for callers that have none.
public struct LedgerReader: Sendable {
    /// The rows that a page of a history may hold.
    public static let pageLimitMax = 200

    private let database: any SQLDatabase
    private let ledger: CreditLedger

    public init(database: any SQLDatabase, ledger: CreditLedger) {
        self.database = database
        self.ledger = ledger
    }

    /// - Parameters:
    ///   - limit: the rows of a page, clamped to 1...`pageLimitMax`.
    ///   - purchasesCursor: `nil` for the first page, `.some(nil)` if there are no more.
    ///   - usageCursor: likewise.
    public func statement(
        of account: AccountID, limit: Int, purchasesCursor: String??, usageCursor: String??
    ) async throws(LedgerError) -> Statement {
        let purchases = HistoryQuery<Purchase>.purchases(of: account, limit: limit, before: purchasesCursor ?? nil)
        let usage = HistoryQuery<Usage>.usage(of: account, limit: limit, before: usageCursor ?? nil)
        var statements = [LedgerStore.balanceStatement(account.text, now: ledger.time.now())]
        if purchasesCursor != .some(nil) { statements.append(purchases.statement) }
        if usageCursor != .some(nil) { statements.append(usage.statement) }
        // One round trip, whatever is asked for.
        var answers = try await read(statements)[...]
        guard let row = answers.popFirst()?.rows.first else { throw .unknownAccount }
        do throws(DatabaseError) {
            var statement = Statement(balance: try Balance(row), email: try row.optionalText("email"))
            if purchasesCursor != .some(nil) {
                statement.purchases = try purchases.page(answers.popFirst()?.rows ?? [])
            }
            if usageCursor != .some(nil) { statement.usage = try usage.page(answers.popFirst()?.rows ?? []) }
            return statement
        } catch {
            throw .database(error)
        }
    }

    private func read(_ statements: [DatabaseStatement]) async throws(LedgerError) -> [DatabaseAnswer] {
        do {
            return try await database.read(batch: statements)
        } catch DatabaseError.credentialRefused {
            throw .callerRefused
        } catch let error as DatabaseError {
            throw .database(error)
        } catch {
            throw .database(.failed(code: 0, message: "\(error)"))
        }
    }
}
