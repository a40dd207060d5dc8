import Core
import Database
import Ledger
import Testing

/// The tables of credits of one account, and all that was asked and answered, held to `LedgerReplay`.
struct LedgerAudit {
    let account: AccountID
    let outcome: LedgerTellers.State
    let seed: UInt64
    private let requests: [String: LedgerRequest]

    init(account: AccountID, outcome: LedgerTellers.State, seed: UInt64) {
        self.account = account
        self.outcome = outcome
        self.seed = seed
        requests = Dictionary(outcome.requests.map { ($0.reference, $0) }) { first, _ in first }
    }

    private struct Tables: Sendable {
        var entries: [BookEntry]
        var lots: [BookLot]
        /// What the balance is now, by the ledger.
        var balance: Balance
        var payments: [String: BookPayment]
        /// Job of the usage row, or reason, by hold.
        var traces: [String: String]
        var states: [String: String]
    }

    func check(_ database: any SQLDatabase, _ ledger: CreditLedger, now: Timestamp) async throws {
        let (account, ledger) = (account, ledger)
        let tables = try await database.read { connection in
            try await Self.tables(account, in: connection, try await ledger.balance(of: account, in: connection))
        }
        let named = Set(tables.entries.filter { ["grant", "purchase", "adjust"].contains($0.kind) }.compactMap(\.lot))
        var replay = LedgerReplay(unnamed: tables.lots.map(\.id).filter { !named.contains($0) })
        var seen: [String: Int] = [:]
        var moved: [String: BookEntry.Change] = [:]
        for (index, entry) in tables.entries.enumerated() {
            let request = self.request(entry, tables)
            let change = try replay.apply(entry, of: request)
            try #require(entry.change == change, "seed \(seed), entry \(index): \(entry)")
            guard let reference = request?.reference else { continue }
            seen[reference] = seen[reference] ?? index + 1
            moved[reference] = entry.change
        }
        #expect(tables.lots.sorted { $0.id < $1.id } == replay.lots.values.sorted { $0.id < $1.id }, "seed \(seed)")
        #expect(tables.balance == replay.moments.last?.balance(now), "seed \(seed)")
        #expect(tables.payments == replay.purchases.mapValues(\.payment), "seed \(seed)")
        let open = Set(tables.states.filter { $0.value == "held" }.keys)
        #expect(open == Set(replay.draws.keys), "seed \(seed)")
        try checkReplies(Replies(replay: replay, seen: seen, moved: moved, states: tables.states))
    }

    private func request(_ entry: BookEntry, _ tables: Tables) -> LedgerRequest? {
        switch entry.kind {
        case "expire": nil
        case "capture", "release":
            tables.traces[entry.hold ?? ""].flatMap { requests[LedgerRequest.reference(ofTrace: $0)] }
        default: requests[entry.reference.hasPrefix("deduct:") ? String(entry.reference.dropFirst(7)) : entry.reference]
        }
    }

    // MARK: Replies

    private struct Replies {
        var replay: LedgerReplay
        /// After how many entries a request had its own.
        var seen: [String: Int]
        var moved: [String: BookEntry.Change]
        var states: [String: String]
    }

    /// What callers were told is what the books say, once and for ever.
    private func checkReplies(_ books: Replies) throws {
        for (reference, calls) in Dictionary(grouping: outcome.calls, by: \.request.reference) {
            let request = try #require(calls.first?.request)
            guard concerns(request) else { continue }
            let isLost = calls.contains { $0.reply == nil }
            let isRefused = calls.allSatisfy { if case .refused = $0.reply { true } else { false } }
            let own = books.seen[reference]
            let note = Comment(rawValue: "seed \(seed): \(request): \(calls.map { "\($0.reply as Any)" })")
            if isRefused { #expect(own == nil, note) }
            var gains: [Int64] = []
            var names: Set<String> = []
            for call in calls {
                switch call.reply {
                case .balance(let balance): #expect(own != nil && wasTrue(balance, since: own, call, books), note)
                case .hold(let id): names.insert(id.text)
                case .purchase(let id, let balance):
                    names.insert(id.text)
                    #expect(own != nil && wasTrue(balance, since: own, call, books), note)
                case .deducted(let deduction): names.insert(deduction.usageID)
                case .moved(let movement):
                    if movement.credits != 0 { gains.append(movement.credits) }
                    #expect(own != nil && wasTrue(movement.balance, since: own, call, books), note)
                case .ended(let ending): checkEnding(ending, request, books, note)
                case .refused(let error): checkRefusal(error, call, books, note)
                case .done, nil: break
                }
            }
            #expect(names.count <= 1 && (names.isEmpty || own != nil), note)
            let whole = books.moved[reference].map { $0.available + $0.held - $0.debt } ?? 0
            if case .follow = request.action {
                #expect(gains == [whole].filter { $0 != 0 } || (isLost && gains.isEmpty), note)
            }
        }
    }

    private func concerns(_ request: LedgerRequest) -> Bool {
        if case .captureAll = request.action { return false }
        if case .sweep = request.action { return false }
        return request.account == account
    }

    private func checkEnding(_ ending: HoldEnding, _ request: LedgerRequest, _ books: Replies, _ note: Comment) {
        switch request.action {
        // The hold may be another account's, whose audit knows it.
        case .capture(let hold, _), .release(let hold):
            if let state = books.states[hold.text] { #expect(state == ending.rawValue, note) }
        default: Issue.record(note)
        }
    }

    /// Whether the account had just that at some moment from the request's own entry on, while the call lasted.
    private func wasTrue(_ balance: Balance, since own: Int?, _ call: LedgerCall, _ books: Replies) -> Bool {
        let times = Set([call.from, call.to] + outcome.times.filter { call.from < $0 && $0 < call.to })
        return books.replay.moments[(own ?? 0)...].contains { moment in
            times.contains { moment.balance($0) == balance }
        }
    }

    private func checkRefusal(_ error: LedgerError, _ call: LedgerCall, _ books: Replies, _ note: Comment) {
        switch (error, call.request.action) {
        case (.insufficientCredits(let available, let required), .hold(let credits)),
            (.insufficientCredits(let available, let required), .deduct(let credits)):
            let times = Set([call.from, call.to] + outcome.times.filter { call.from < $0 && $0 < call.to })
            let wasSo = books.replay.moments.contains { moment in
                times.contains { moment.balance($0).available == available }
            }
            #expect(required == credits && available < credits && wasSo, note)
        case (.alreadyEnded(let ending), .capture(let hold, _)), (.alreadyEnded(let ending), .release(let hold)):
            if let state = books.states[hold.text] { #expect(state == ending.rawValue, note) }
        case (.referenceConflict, .capture(let hold, _)):
            // Captured by another request, of another amount.
            if let state = books.states[hold.text] { #expect(state == "captured", note) }
        default: Issue.record(note)
        }
    }

    // MARK: Tables

    private static func tables(
        _ account: AccountID, in connection: any DatabaseConnection, _ balance: Balance
    ) async throws(DatabaseError) -> Tables {
        // The order of the rows; on Postgres the counter in their ids, which goes on under the account's lock.
        let order = connection.dialect == .sqlite ? "rowid" : "substr(id, 21, 8)"
        let own: [DatabaseValue] = [.text(account.text)]
        var tables = Tables(entries: [], lots: [], balance: balance, payments: [:], traces: [:], states: [:])
        let entries = "SELECT * FROM credit_ledger WHERE account_id = $1 ORDER BY \(order)"
        for row in try await connection.query(entries, own) {
            let change = BookEntry.Change(
                available: try row.integer("available_change"), held: try row.integer("held_change"),
                debt: try row.integer("debt_change"))
            tables.entries.append(
                BookEntry(
                    kind: try row.text("kind"), reference: try row.text("reference"), change: change,
                    lot: try row.optionalText("lot_id"), hold: try row.optionalText("hold_id"),
                    at: Timestamp(milliseconds: try row.integer("created_at"))))
        }
        let lots = "SELECT * FROM credit_lots WHERE account_id = $1 ORDER BY \(order)"
        for row in try await connection.query(lots, own) {
            tables.lots.append(
                BookLot(
                    id: try row.text("id"), credits: try row.integer("credits"),
                    available: try row.integer("available"), held: try row.integer("held"),
                    captured: try row.integer("captured"), expired: try row.integer("expired"),
                    repaid: try row.integer("repaid"), refunded: try row.integer("refunded"),
                    expiresAt: try row.optionalTimestamp("expires_at")))
        }
        for row in try await connection.query("SELECT * FROM credit_purchases WHERE user_id = $1", own) {
            tables.payments[try row.text("stripe_session_id")] = BookPayment(
                refunded: try row.integer("refunded_minor"), disputed: try row.integer("disputed_minor"),
                removed: try row.integer("removed_credits"))
        }
        let holds = """
            SELECT h.id, h.state, COALESCE(u.job_id, h.reason) AS trace FROM credit_holds h
            LEFT JOIN credit_usage u ON u.hold_id = h.id WHERE h.account_id = $1
            """
        for row in try await connection.query(holds, own) {
            tables.states[try row.text("id")] = try row.text("state")
            tables.traces[try row.text("id")] = try row.optionalText("trace")
        }
        return tables
    }
}
