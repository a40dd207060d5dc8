internal import Core
internal import Database

/// The ledger's rules by the functions of `migrations/postgres`: one statement a movement. Requests have functions of
/// their own, which move the caller's credits only and go by the server's clock.
struct LedgerFunctions: LedgerEngine {
    let store: LedgerStore
    let caller: DatabaseCaller

    private var now: DatabaseValue { .integer(store.now.milliseconds) }

    func openAccount(_ id: String, email: String?) async throws(LedgerError) {
        _ = try await call("1 AS done FROM ledger_open($1, $2, $3)", [.text(id), .optional(email), now]) {
            row throws(DatabaseError) in try row.integer("done")
        }
    }

    func grant(
        _ credits: Int64, to account: String, source: LotSource, reference: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> Balance {
        try await call(
            "available, held, debt FROM ledger_grant($1, $2, $3, $4, $5, $6)",
            [
                .text(account), .integer(credits), .text(source.rawValue), .text(reference),
                .optional(expiresAt?.milliseconds), now,
            ], Balance.init)
    }

    func hold(_ credits: Int64, on account: String, reference: String) async throws(LedgerError) -> String {
        let arguments: [DatabaseValue] = [.text(account), .integer(credits), .text(reference)]
        let id = { (row: DatabaseRow) throws(DatabaseError) in try row.text("hold") }
        return switch caller {
        case .service, .owner: try await call("ledger_hold($1, $2, $3, $4) AS hold", arguments + [now], id)
        case .credential: try await call("hold_own_credits($1, $2, $3) AS hold", arguments, id)
        }
    }

    func capture(_ hold: String, credits: Int64?, usage: UsageRecord) async throws(LedgerError) -> String {
        try await call(
            "ledger_capture($1, $2, $3, $4, $5, $6, $7) AS usage",
            [
                .text(hold), .optional(credits), .text(usage.service), .optional(usage.jobID),
                .optional(usage.processingSeconds), .optional(usage.fileBytes), now,
            ]
        ) { row throws(DatabaseError) in try row.text("usage") }
    }

    func capture(whole holds: [HoldCapture]) async throws(LedgerError) {
        let batch = holds.map { item -> JSON in
            [
                "hold": .string(item.hold.text), "service": .string(item.usage.service),
                "job": item.usage.jobID.map { .string($0) } ?? .null,
                "seconds": item.usage.processingSeconds.map { .integer($0) } ?? .null,
                "bytes": item.usage.fileBytes.map { .integer($0) } ?? .null,
            ]
        }
        _ = try await call("ledger_capture_all($1, $2) AS captured", [.text(JSON.array(batch).text), now]) {
            row throws(DatabaseError) in try row.integer("captured")
        }
    }

    func release(_ hold: String, reason: String) async throws(LedgerError) {
        _ = try await call("1 AS done FROM ledger_release($1, $2, $3)", [.text(hold), .text(reason), now]) {
            row throws(DatabaseError) in try row.integer("done")
        }
    }

    func expireLots(limit: Int) async throws(LedgerError) -> Int {
        try await call("ledger_expire($1, $2) AS swept", [now, .integer(Int64(limit))]) {
            row throws(DatabaseError) in Int(try row.integer("swept"))
        }
    }

    func purchase(
        _ order: PurchaseOrder, by account: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> (id: String, balance: Balance) {
        try await call(
            "purchase_id, available, held, debt FROM ledger_purchase($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            [
                .text(account), .integer(order.credits.credits), .text(order.packageType), .text(order.session),
                .optional(order.paymentIntent), .integer(order.amountMinor), .optional(order.paidMinor),
                .text(order.currency), .optional(expiresAt?.milliseconds), now,
            ]
        ) { row throws(DatabaseError) in (try row.text("purchase_id"), try Balance(row)) }
    }

    func followPayment(
        of purchase: String, _ news: PaymentNews, reference: String
    ) async throws(LedgerError) -> Movement {
        try await call(
            "moved, available, held, debt FROM ledger_follow_payment($1, $2, $3, $4, $5, $6)",
            [
                .text(purchase), .text(news.kind.rawValue), .optional(news.refundedMinor),
                .optional(news.disputedMinor), .text(reference), now,
            ]
        ) { row throws(DatabaseError) in Movement(credits: -(try row.integer("moved")), balance: try Balance(row)) }
    }

    func adjust(
        _ account: String, by credits: Int64, reference: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> Balance {
        try await call(
            "available, held, debt FROM ledger_adjust($1, $2, $3, $4, $5)",
            [.text(account), .integer(credits), .text(reference), .optional(expiresAt?.milliseconds), now],
            Balance.init)
    }

    func deduct(
        _ credits: Int64, from account: String, service: String, jobID: String?
    ) async throws(LedgerError) -> Deduction {
        let arguments: [DatabaseValue] = [
            .text(account), .integer(credits), .text(service), .optional(jobID),
        ]
        let (function, clock): (String, [DatabaseValue]) =
            switch caller {
            case .service, .owner: ("ledger_deduct($1, $2, $3, $4, $5)", [now])
            case .credential: ("deduct_user_credits($1, $2, $3, $4)", [])
            }
        return try await call("new_balance, usage_id FROM \(function)", arguments + clock) {
            row throws(DatabaseError) in
            Deduction(usageID: try row.text("usage_id"), available: try row.integer("new_balance"))
        }
    }

    private func call<Value>(
        _ select: String, _ arguments: [DatabaseValue], _ decode: (DatabaseRow) throws(DatabaseError) -> Value
    ) async throws(LedgerError) -> Value {
        do throws(LedgerError) {
            guard let value = try await store.rows("SELECT \(select)", arguments, decode).first else {
                throw .database(.misuse("a function without an answer"))
            }
            return value
        } catch {
            throw LedgerError(refusal: error)
        }
    }
}

extension Balance {
    init(_ row: DatabaseRow) throws(DatabaseError) {
        self.init(
            available: try row.integer("available"), held: try row.integer("held"), debt: try row.integer("debt"))
    }
}

extension LedgerError {
    /// By the states that the schema's functions raise; the figures are in their messages.
    init(refusal: LedgerError) {
        guard case .database(.raised(let text)) = refusal else {
            self = refusal
            return
        }
        let message = text.dropFirst(5)
        let figures = message.split { !$0.isNumber }.compactMap { Int64($0) }
        switch text.prefix(5) {
        case "CZ001" where figures.count == 2: self = .insufficientCredits(available: figures[0], required: figures[1])
        case "CZ002": self = .unknownAccount
        case "CZ003": self = .unknownHold
        case "CZ004": self = .alreadyEnded(message.hasSuffix(HoldEnding.captured.rawValue) ? .captured : .released)
        case "CZ005": self = .referenceConflict
        case "CZ006": self = .amountExceedsHold
        case "CZ007": self = .unknownPurchase
        case "CZ008": self = .amountExceedsPayment
        default: self = refusal
        }
    }
}
