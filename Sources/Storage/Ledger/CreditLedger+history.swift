public import Core
public import Database

extension CreditLedger {
    /// The rows that a page may hold.
    public static let pageLimitMax = 200

    /// A page of the account's purchases, newest first. `limit` is clamped to 1...`pageLimitMax`.
    public func purchases(
        of account: AccountID, limit: Int, before cursor: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerPage<Purchase> {
        try await page(.purchases(of: account, limit: limit, before: cursor), store(connection))
    }

    /// A page of the account's usage, newest first. `limit` is clamped to 1...`pageLimitMax`.
    public func usage(
        of account: AccountID, limit: Int, before cursor: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerPage<Usage> {
        try await page(.usage(of: account, limit: limit, before: cursor), store(connection))
    }

    private func page<Entry>(
        _ query: HistoryQuery<Entry>, _ store: LedgerStore
    ) async throws(LedgerError) -> LedgerPage<Entry> {
        query.page(try await store.rows(query.statement.sql, query.statement.arguments, query.decode))
    }
}
