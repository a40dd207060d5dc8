internal import Core
internal import Database

/// The SQL of `LedgerRules` on one transaction, and what both engines read. It takes no locks: SQLite has one writer.
struct LedgerStore {
    struct Lot {
        var id: String
        var available: Int64
        var expired: Int64
        var refunded: Int64
        var expiresAt: Timestamp?
    }

    struct Hold {
        var accountID: String
        var credits: Int64
        var state: String
        var captured: Int64
    }

    /// What a hold took from one lot.
    struct Draw {
        var lotID: String
        var credits: Int64
    }

    /// A movement; the whole amount follows from the three changes.
    struct Entry {
        var accountID: String
        var kind: String
        var reference: String
        var available: Int64 = 0
        var held: Int64 = 0
        var debt: Int64 = 0
        var lotID: String?
        var holdID: String?

        var amount: Int64 { available + held - debt }
    }

    let connection: any DatabaseConnection
    let now: Timestamp

    // MARK: Accounts

    func insertAccount(_ id: String, email: String?) async throws(LedgerError) -> Bool {
        try await run(
            """
            INSERT INTO credit_users (id, email, created_at, updated_at) VALUES ($1, $2, $3, $3)
            ON CONFLICT DO NOTHING
            """, [.text(id), .optional(email), .integer(now.milliseconds)]) == 1
    }

    /// The account's columns as they are.
    func account(_ id: String) async throws(LedgerError) -> Balance {
        let sql = "SELECT credits AS available, held, debt FROM credit_users WHERE id = $1"
        guard let account = try await rows(sql, [.text(id)], Balance.init).first else { throw .unknownAccount }
        return account
    }

    /// The account as it would be once all lots whose time has come were swept.
    func balance(_ id: String) async throws(LedgerError) -> Balance {
        let statement = Self.balanceStatement(id, now: now)
        let rows = try await rows(statement.sql, statement.arguments, Balance.init)
        guard let account = rows.first else { throw .unknownAccount }
        return account
    }

    /// Answered by one row with the balance and the e-mail address, or by none.
    static func balanceStatement(_ id: String, now: Timestamp) -> DatabaseStatement {
        DatabaseStatement(
            """
            SELECT u.email, u.held, u.debt, u.credits - COALESCE((
                SELECT CAST(SUM(l.available) AS BIGINT) FROM credit_lots l
                WHERE l.account_id = u.id AND l.available > 0 AND l.expires_at <= $2), 0) AS available
            FROM credit_users u WHERE u.id = $1
            """, [.text(id), .integer(now.milliseconds)])
    }

    // MARK: Entries

    /// Writes the entry and moves the account's balance by it.
    func post(_ entry: Entry) async throws(LedgerError) {
        _ = try await run(
            """
            INSERT INTO credit_ledger (id, account_id, kind, reference, amount, available_change, held_change,
                debt_change, lot_id, hold_id, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            [
                .text(Identifier<EntryKind>(at: now).text), .text(entry.accountID), .text(entry.kind),
                .text(entry.reference), .integer(entry.amount), .integer(entry.available), .integer(entry.held),
                .integer(entry.debt), .optional(entry.lotID), .optional(entry.holdID), .integer(now.milliseconds),
            ])
        _ = try await run(
            """
            UPDATE credit_users SET credits = credits + $2, held = held + $3, debt = debt + $4, updated_at = $5
            WHERE id = $1
            """,
            [
                .text(entry.accountID), .integer(entry.available), .integer(entry.held), .integer(entry.debt),
                .integer(now.milliseconds),
            ])
    }

    /// The amount, and the lot with its source, of the entry with that reference.
    func entry(
        of accountID: String, kind: String, reference: String
    ) async throws(LedgerError) -> (amount: Int64, lotID: String?, source: String?)? {
        try await rows(
            """
            SELECT e.amount, e.lot_id, l.source FROM credit_ledger e LEFT JOIN credit_lots l ON l.id = e.lot_id
            WHERE e.account_id = $1 AND e.kind = $2 AND e.reference = $3
            """, [.text(accountID), .text(kind), .text(reference)]
        ) { row throws(DatabaseError) in
            (try row.integer("amount"), try row.optionalText("lot_id"), try row.optionalText("source"))
        }.first
    }

    // MARK: Lots

    /// The new lot's id.
    func insertLot(
        accountID: String, source: LotSource, credits: Int64, repaid: Int64, expiresAt: Timestamp?
    ) async throws(LedgerError) -> String {
        let id = Identifier<LotKind>(at: now).text
        _ = try await run(
            """
            INSERT INTO credit_lots (id, account_id, source, credits, available, repaid, expires_at, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                .text(id), .text(accountID), .text(source.rawValue), .integer(credits), .integer(credits - repaid),
                .integer(repaid), .optional(expiresAt?.milliseconds), .integer(now.milliseconds),
            ])
        return id
    }

    func lot(_ id: String) async throws(LedgerError) -> Lot {
        let found = try await rows("SELECT \(Self.lotColumns) FROM credit_lots WHERE id = $1", [.text(id)], Self.lot)
        guard let lot = found.first else { throw .database(.misuse("no such lot")) }
        return lot
    }

    /// The account's lots with something to spend, the earliest expiry first.
    func spendableLots(_ accountID: String) async throws(LedgerError) -> [Lot] {
        try await rows(
            """
            SELECT \(Self.lotColumns) FROM credit_lots
            WHERE account_id = $1 AND available > 0 AND (expires_at IS NULL OR expires_at > $2)
            ORDER BY expires_at IS NULL, expires_at, id
            """, [.text(accountID), .integer(now.milliseconds)], Self.lot)
    }

    /// The account's lots whose time has come with something left.
    func expiredLots(_ accountID: String) async throws(LedgerError) -> [Lot] {
        try await rows(
            """
            SELECT \(Self.lotColumns) FROM credit_lots
            WHERE account_id = $1 AND available > 0 AND expires_at <= $2 ORDER BY expires_at, id
            """, [.text(accountID), .integer(now.milliseconds)], Self.lot)
    }

    /// Accounts with such lots, at most `limit`.
    func accountsWithExpiredLots(limit: Int) async throws(LedgerError) -> [String] {
        try await rows(
            """
            SELECT DISTINCT account_id FROM credit_lots
            WHERE available > 0 AND expires_at IS NOT NULL AND expires_at <= $1 ORDER BY account_id LIMIT $2
            """, [.integer(now.milliseconds), .integer(Int64(limit))]
        ) { row throws(DatabaseError) in try row.text("account_id") }
    }

    func moveLot(
        _ id: String, available: Int64 = 0, held: Int64 = 0, captured: Int64 = 0, expired: Int64 = 0, repaid: Int64 = 0,
        refunded: Int64 = 0
    ) async throws(LedgerError) {
        _ = try await run(
            """
            UPDATE credit_lots SET available = available + $2, held = held + $3, captured = captured + $4,
                expired = expired + $5, repaid = repaid + $6, refunded = refunded + $7 WHERE id = $1
            """,
            [
                .text(id), .integer(available), .integer(held), .integer(captured), .integer(expired),
                .integer(repaid), .integer(refunded),
            ])
    }

    private static let lotColumns = "id, available, expired, refunded, expires_at"

    private static func lot(_ row: DatabaseRow) throws(DatabaseError) -> Lot {
        Lot(
            id: try row.text("id"), available: try row.integer("available"), expired: try row.integer("expired"),
            refunded: try row.integer("refunded"), expiresAt: try row.optionalTimestamp("expires_at"))
    }

    // MARK: Holds

    func hold(of accountID: String, reference: String) async throws(LedgerError) -> (id: String, credits: Int64)? {
        try await rows(
            "SELECT id, credits FROM credit_holds WHERE account_id = $1 AND reference = $2",
            [.text(accountID), .text(reference)]
        ) { row throws(DatabaseError) in (try row.text("id"), try row.integer("credits")) }.first
    }

    /// The new hold's id.
    func insertHold(
        accountID: String, reference: String, credits: Int64
    ) async throws(LedgerError) -> String {
        let id = Identifier<HoldKind>(at: now).text
        _ = try await run(
            """
            INSERT INTO credit_holds (id, account_id, reference, credits, state, created_at)
            VALUES ($1, $2, $3, $4, 'held', $5)
            """,
            [.text(id), .text(accountID), .text(reference), .integer(credits), .integer(now.milliseconds)])
        return id
    }

    func insertDraw(_ draw: Draw, holdID: String) async throws(LedgerError) {
        _ = try await run(
            "INSERT INTO credit_hold_lots (hold_id, lot_id, credits) VALUES ($1, $2, $3)",
            [.text(holdID), .text(draw.lotID), .integer(draw.credits)])
    }

    func hold(_ id: String) async throws(LedgerError) -> Hold {
        let sql = "SELECT account_id, credits, state, captured FROM credit_holds WHERE id = $1"
        guard let found = try await rows(sql, [.text(id)], Self.hold).first else { throw .unknownHold }
        return found
    }

    /// What the hold took, the earliest expiry first.
    func draws(_ holdID: String) async throws(LedgerError) -> [Draw] {
        try await rows(
            """
            SELECT d.lot_id, d.credits FROM credit_hold_lots d JOIN credit_lots l ON l.id = d.lot_id
            WHERE d.hold_id = $1 ORDER BY l.expires_at IS NULL, l.expires_at, l.id
            """, [.text(holdID)]
        ) { row throws(DatabaseError) in
            Draw(lotID: try row.text("lot_id"), credits: try row.integer("credits"))
        }
    }

    func endHold(
        _ id: String, _ ending: HoldEnding, captured: Int64, reason: String?
    ) async throws(LedgerError) {
        _ = try await run(
            "UPDATE credit_holds SET state = $2, captured = $3, reason = $4, ended_at = $5 WHERE id = $1",
            [
                .text(id), .text(ending.rawValue), .integer(captured), .optional(reason),
                .integer(now.milliseconds),
            ])
    }

    private static func hold(_ row: DatabaseRow) throws(DatabaseError) -> Hold {
        Hold(
            accountID: try row.text("account_id"), credits: try row.integer("credits"),
            state: try row.text("state"), captured: try row.integer("captured"))
    }

    // MARK: Usage

    /// The new row's id; `nil` if this job of the account was charged before.
    func insertUsage(
        _ record: UsageRecord, accountID: String, holdID: String, credits: Int64
    ) async throws(LedgerError) -> String? {
        let id = Identifier<UsageKind>(at: now).text
        let inserted = try await run(
            """
            INSERT INTO credit_usage (id, user_id, hold_id, credits, service, job_id, processing_time, file_size,
                created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
            """,
            [
                .text(id), .text(accountID), .text(holdID), .integer(credits),
                .text(record.service), .optional(record.jobID), .optional(record.processingSeconds),
                .optional(record.fileBytes), .integer(now.milliseconds),
            ])
        return inserted == 1 ? id : nil
    }

    func usage(ofHold hold: String) async throws(LedgerError) -> String {
        let sql = "SELECT id FROM credit_usage WHERE hold_id = $1"
        guard let id = try await rows(sql, [.text(hold)], Self.id).first else {
            throw .database(.misuse("a captured hold without usage"))
        }
        return id
    }

    func usage(ofJob job: String, accountID: String) async throws(LedgerError) -> String? {
        try await rows(
            "SELECT id FROM credit_usage WHERE user_id = $1 AND job_id = $2", [.text(accountID), .text(job)], Self.id
        ).first
    }

    static func id(_ row: DatabaseRow) throws(DatabaseError) -> String { try row.text("id") }

    // MARK: Statements

    func rows<Value>(
        _ sql: String, _ arguments: [DatabaseValue], _ decode: (DatabaseRow) throws(DatabaseError) -> Value
    ) async throws(LedgerError) -> [Value] {
        do throws(DatabaseError) {
            var values: [Value] = []
            for row in try await connection.query(sql, arguments) { values.append(try decode(row)) }
            return values
        } catch {
            throw .database(error)
        }
    }

    func run(_ sql: String, _ arguments: [DatabaseValue]) async throws(LedgerError) -> Int {
        do throws(DatabaseError) {
            return try await connection.execute(sql, arguments)
        } catch {
            throw .database(error)
        }
    }
}

enum EntryKind: IdentifierKind { static let prefix: StaticString = "ent" }
enum LotKind: IdentifierKind { static let prefix: StaticString = "lot" }
enum UsageKind: IdentifierKind { static let prefix: StaticString = "use" }
