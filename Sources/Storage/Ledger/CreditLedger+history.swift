public import Core
public import Database

extension CreditLedger {
    /// The rows that a page may hold.
    public static let pageLimitMax = 200

    /// A page of the account's purchases, newest first. `limit` is clamped to 1...`pageLimitMax`.
    public func purchases(
        of account: AccountID, limit: Int, before cursor: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerPage<Purchase> {
        let columns = "id, credits, package_type, amount_minor, currency, created_at"
        return try await page(
            "SELECT \(columns) FROM credit_purchases", account, limit, cursor, store(connection), id: \.id
        ) { row throws(DatabaseError) in
            Purchase(
                id: try row.text("id"), credits: try row.integer("credits"),
                packageType: try row.text("package_type"), amountMinor: try row.integer("amount_minor"),
                currency: try row.text("currency"), createdAt: try row.timestamp("created_at"))
        }
    }

    /// A page of the account's usage, newest first. `limit` is clamped to 1...`pageLimitMax`.
    public func usage(
        of account: AccountID, limit: Int, before cursor: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerPage<Usage> {
        let columns = "id, credits, service, job_id, processing_time, file_size, created_at"
        return try await page(
            "SELECT \(columns) FROM credit_usage", account, limit, cursor, store(connection), id: \.id
        ) { row throws(DatabaseError) in
            let record = UsageRecord(
                service: try row.text("service"), jobID: try row.optionalText("job_id"),
                processingSeconds: try row.optionalInteger("processing_time"),
                fileBytes: try row.optionalInteger("file_size"))
            return Usage(
                id: try row.text("id"), credits: try row.integer("credits"), record: record,
                createdAt: try row.timestamp("created_at"))
        }
    }

    private func page<Entry>(
        _ select: String, _ account: AccountID, _ limit: Int, _ cursor: String?, _ store: LedgerStore,
        id: KeyPath<Entry, String>, _ decode: (DatabaseRow) throws(DatabaseError) -> Entry
    ) async throws(LedgerError) -> LedgerPage<Entry> {
        let limit = min(max(limit, 1), Self.pageLimitMax)
        var sql = select + " WHERE user_id = $1"
        var arguments: [DatabaseValue] = [.text(account.text), .integer(Int64(limit) + 1)]
        if let cursor {
            sql += " AND id < $3"
            arguments.append(.text(cursor))
        }
        // Identifiers sort by the time they were made. One row more than asked for tells whether a page follows.
        let found = try await store.rows(sql + " ORDER BY id DESC LIMIT $2", arguments, decode)
        let entries = Array(found.prefix(limit))
        return LedgerPage(entries: entries, next: found.count > limit ? entries.last?[keyPath: id] : nil)
    }
}
