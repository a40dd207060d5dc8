internal import Core

/// The ledger's movements on one transaction: by the program's own rules, or by the database's functions that hold to
/// the same ones. `CreditLedger` says what each does.
protocol LedgerEngine: Sendable {
    func openAccount(_ id: String, email: String?) async throws(LedgerError)
    func grant(
        _ credits: Int64, to account: String, source: LotSource, reference: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> Balance
    /// The hold's id.
    func hold(_ credits: Int64, on account: String, reference: String) async throws(LedgerError) -> String
    /// The usage row's id.
    func capture(_ hold: String, credits: Int64?, usage: UsageRecord) async throws(LedgerError) -> String
    func capture(whole holds: [HoldCapture]) async throws(LedgerError)
    func release(_ hold: String, reason: String) async throws(LedgerError)
    func expireLots(limit: Int) async throws(LedgerError) -> Int
    func purchase(
        _ order: PurchaseOrder, by account: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> (id: String, balance: Balance)
    func followPayment(
        of purchase: String, _ news: PaymentNews, reference: String
    ) async throws(LedgerError) -> Movement
    func adjust(
        _ account: String, by credits: Int64, reference: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> Balance
    func deduct(
        _ credits: Int64, from account: String, service: String, jobID: String?
    ) async throws(LedgerError) -> Deduction
}

/// What a purchase's payment has come to, as running totals; `nil`: no news of it.
struct PaymentNews {
    enum Kind: String {
        case refund
        case dispute
        case reinstate
    }

    var kind: Kind
    var refundedMinor: Int64?
    var disputedMinor: Int64?
}
