internal import Core
internal import Database

/// The question for one page of an account's history, and what its rows are.
struct HistoryQuery<Entry: Hashable & Sendable>: Sendable {
    let statement: DatabaseStatement
    let decode: @Sendable (DatabaseRow) throws(DatabaseError) -> Entry
    private let limit: Int
    private let id: @Sendable (Entry) -> String

    private init(
        _ select: String, of account: AccountID, limit: Int, before cursor: String?,
        id: @escaping @Sendable (Entry) -> String,
        decode: @escaping @Sendable (DatabaseRow) throws(DatabaseError) -> Entry
    ) {
        let limit = min(max(limit, 1), LedgerReader.pageLimitMax)
        var sql = select + " WHERE user_id = $1"
        var arguments: [DatabaseValue] = [.text(account.text), .integer(Int64(limit) + 1)]
        if let cursor {
            sql += " AND id < $3"
            arguments.append(.text(cursor))
        }
        // Identifiers sort by the time they were made. One row more than asked for tells whether a page follows.
        statement = DatabaseStatement(sql + " ORDER BY id DESC LIMIT $2", arguments)
        self.limit = limit
        self.id = id
        self.decode = decode
    }

    func page(_ found: [Entry]) -> LedgerPage<Entry> {
        let entries = Array(found.prefix(limit))
        return LedgerPage(entries: entries, next: found.count > limit ? entries.last.map(id) : nil)
    }

    func page(_ rows: [DatabaseRow]) throws(DatabaseError) -> LedgerPage<Entry> {
        var entries: [Entry] = []
        for row in rows { entries.append(try decode(row)) }
        return page(entries)
    }
}

extension HistoryQuery<Purchase> {
    static func purchases(of account: AccountID, limit: Int, before cursor: String?) -> HistoryQuery {
        let columns = "id, credits, package_type, amount_minor, currency, created_at"
        return HistoryQuery(
            "SELECT \(columns) FROM credit_purchases", of: account, limit: limit, before: cursor, id: { $0.id }
        ) { row throws(DatabaseError) in
            Purchase(
                id: try row.text("id"), credits: try row.integer("credits"),
                packageType: try row.text("package_type"), amountMinor: try row.integer("amount_minor"),
                currency: try row.text("currency"), createdAt: try row.timestamp("created_at"))
        }
    }
}

extension HistoryQuery<Usage> {
    static func usage(of account: AccountID, limit: Int, before cursor: String?) -> HistoryQuery {
        let columns = "id, credits, service, job_id, processing_time, file_size, created_at"
        return HistoryQuery(
            "SELECT \(columns) FROM credit_usage", of: account, limit: limit, before: cursor, id: { $0.id }
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
}
