internal import Core
internal import Database

/// The SQL of purchases, for `LedgerRules`.
extension LedgerStore {
    struct PurchaseRow {
        var id: String
        var accountID: String
        var credits: Int64
        var packageType: String
        var lotID: String?
        var paidMinor: Int64
        var refundedMinor: Int64
        var disputedMinor: Int64
        var removedCredits: Int64
    }

    func purchase(_ id: String) async throws(LedgerError) -> PurchaseRow {
        guard let found = try await purchase(where: "id", id) else { throw .unknownPurchase }
        return found
    }

    func purchase(session: String) async throws(LedgerError) -> PurchaseRow? {
        try await purchase(where: "stripe_session_id", session)
    }

    private func purchase(where column: String, _ value: String) async throws(LedgerError) -> PurchaseRow? {
        try await rows(
            """
            SELECT id, user_id, credits, package_type, lot_id, COALESCE(paid_minor, amount_minor) AS paid,
                refunded_minor, disputed_minor, removed_credits
            FROM credit_purchases WHERE \(column) = $1
            """, [.text(value)]
        ) { row throws(DatabaseError) in
            PurchaseRow(
                id: try row.text("id"), accountID: try row.text("user_id"), credits: try row.integer("credits"),
                packageType: try row.text("package_type"), lotID: try row.optionalText("lot_id"),
                paidMinor: try row.integer("paid"), refundedMinor: try row.integer("refunded_minor"),
                disputedMinor: try row.integer("disputed_minor"),
                removedCredits: try row.integer("removed_credits"))
        }.first
    }

    /// The new row's id; `nil` if the session or the payment belongs to another purchase.
    func insertPurchase(
        _ order: PurchaseOrder, accountID: String, lotID: String?
    ) async throws(LedgerError) -> String? {
        let id = PurchaseID(at: now).text
        let inserted = try await run(
            """
            INSERT INTO credit_purchases (id, user_id, credits, package_type, stripe_session_id, payment_intent,
                amount_minor, paid_minor, currency, lot_id, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
            """,
            [
                .text(id), .text(accountID), .integer(order.credits.credits), .text(order.packageType),
                .text(order.session), .optional(order.paymentIntent), .integer(order.amountMinor),
                .optional(order.paidMinor), .text(order.currency), .optional(lotID), .integer(now.milliseconds),
            ])
        return inserted == 1 ? id : nil
    }

    func setReturned(
        _ id: String, _ refundedMinor: Int64, _ disputedMinor: Int64, removed credits: Int64
    ) async throws(LedgerError) {
        _ = try await run(
            "UPDATE credit_purchases SET refunded_minor = $2, disputed_minor = $3, removed_credits = $4 WHERE id = $1",
            [.text(id), .integer(refundedMinor), .integer(disputedMinor), .integer(credits)])
    }
}
