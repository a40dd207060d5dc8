public import Core
public import Database

/// What payments and operators do to an account's credits.
///
/// A payment's refunds and disputes are running totals, and the credits to be gone are the same share of the purchase,
/// rounded up: ceil(credits × returned ÷ paid). They are taken from the purchase's own lot; what that lacks becomes a
/// debt, which every incoming credit repays first. News may come twice or late: each names its own reference, a refund
/// or dispute only takes, a reinstatement only gives.
extension CreditLedger {
    /// Books a purchase and its credits. A replay of its session answers with the first one and moves nothing.
    ///
    /// - Throws: `referenceConflict` if the session paid for another purchase.
    @discardableResult
    public func purchase(
        _ order: PurchaseOrder, by account: AccountID, expiresAt: Timestamp? = nil,
        in connection: any DatabaseConnection
    ) async throws(LedgerError) -> (id: PurchaseID, balance: Balance) {
        let booked = try await engine(connection).purchase(order, by: account.text, expiresAt: expiresAt)
        return (try identifier(booked.id), booked.balance)
    }

    /// The purchase that a session or a payment intent of the provider paid for.
    public func purchase(
        paidBy payment: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> PurchaseID? {
        let found = try await store(connection).rows(
            """
            SELECT id FROM credit_purchases WHERE stripe_session_id = $1
            UNION SELECT id FROM credit_purchases WHERE payment_intent = $1
            """, [.text(payment)]
        ) { row throws(DatabaseError) in try row.text("id") }
        return try found.first.map { id throws(LedgerError) in try identifier(id) }
    }

    /// - Parameter refundedMinor: what was refunded of the payment so far, all refunds together.
    /// - Throws: `unknownPurchase`, `amountExceedsPayment`.
    @discardableResult
    public func refund(
        _ purchase: PurchaseID, refundedMinor: Int64, reference: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Movement {
        try await engine(connection).followPayment(
            of: purchase.text, PaymentNews(kind: .refund, refundedMinor: refundedMinor), reference: reference)
    }

    /// - Parameter disputedMinor: what disputes have withdrawn of the payment so far.
    /// - Throws: `unknownPurchase`, `amountExceedsPayment`.
    @discardableResult
    public func dispute(
        _ purchase: PurchaseID, disputedMinor: Int64, reference: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Movement {
        try await engine(connection).followPayment(
            of: purchase.text, PaymentNews(kind: .dispute, disputedMinor: disputedMinor), reference: reference)
    }

    /// A refund failed, or a dispute was won: less is gone of the payment than before.
    ///
    /// - Parameters:
    ///   - refundedMinor: what is still refunded; `nil`: as it was.
    ///   - disputedMinor: what is still withdrawn; `nil`: as it was.
    /// - Throws: `unknownPurchase`, `amountExceedsPayment`.
    @discardableResult
    public func reinstate(
        _ purchase: PurchaseID, refundedMinor: Int64? = nil, disputedMinor: Int64? = nil, reference: String,
        in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Movement {
        try await engine(connection).followPayment(
            of: purchase.text,
            PaymentNews(kind: .reinstate, refundedMinor: refundedMinor, disputedMinor: disputedMinor),
            reference: reference)
    }

    /// An operator's correction. What is taken comes from the lots that expire first; the rest becomes a debt.
    ///
    /// - Parameter credits: what the account gains; negative: loses. Never 0.
    /// - Throws: `referenceConflict` if the reference adjusted by another amount.
    @discardableResult
    public func adjust(
        _ account: AccountID, by credits: Int64, reference: String, expiresAt: Timestamp? = nil,
        in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Balance {
        guard credits != 0, (-CreditAmount.creditsMax...CreditAmount.creditsMax).contains(credits) else {
            throw .database(.misuse("an adjustment by \(credits) credits"))
        }
        return try await engine(connection).adjust(
            account.text, by: credits, reference: reference, expiresAt: expiresAt)
    }
}
