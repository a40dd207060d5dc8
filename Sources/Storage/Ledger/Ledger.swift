public import Core
public import Database

/// The credits of accounts: every movement is an append-only entry, written in the caller's transaction.
///
/// Invariant per account: Σ entries = available + held − debt.
public struct Ledger: Sendable {
    let time: any TimeSource

    public init(time: any TimeSource) { self.time = time }

    /// Opens the account unless it exists. An e-mail address belongs to one account: `referenceConflict` otherwise.
    public func openAccount(
        _ id: AccountID, email: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) {
        fatalError("next commit")
    }

    /// Adds a lot of credits; a debt is repaid first. Idempotent by account and reference: a replay moves nothing.
    ///
    /// - Returns: the balance after it.
    /// - Throws: `referenceConflict` if the reference was granted with another amount or source.
    @discardableResult
    public func grant(
        _ amount: CreditAmount, to account: AccountID, source: LotSource, reference: String, expiresAt: Timestamp?,
        in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Balance {
        fatalError("next commit")
    }

    /// Reserves credits, from the lots that expire first. Idempotent by account and reference: a replay answers
    /// with the same hold, ended or not.
    ///
    /// - Throws: `insufficientCredits`; `referenceConflict` if the reference was held with another amount.
    public func hold(
        _ amount: CreditAmount, on account: AccountID, reference: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> HoldID {
        fatalError("next commit")
    }

    /// Ends a hold by spending it, or `amount` of it: the rest returns. Writes the usage row.
    ///
    /// A replay returns `.captured` and moves nothing.
    /// - Throws: `alreadyEnded(.released)`, `amountExceedsHold`; `referenceConflict` if the job was charged before,
    ///   or this hold captured with another amount.
    @discardableResult
    public func capture(
        _ hold: HoldID, amount: CreditAmount? = nil, usage: UsageRecord, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> HoldEnding {
        fatalError("next commit")
    }

    /// Ends a hold by returning its credits to their lots. A replay returns `.released` and moves nothing.
    ///
    /// - Throws: `alreadyEnded(.captured)`.
    @discardableResult
    public func release(
        _ hold: HoldID, reason: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> HoldEnding {
        fatalError("next commit")
    }

    /// Removes what is left in lots whose time has come, up to `limit` lots.
    ///
    /// - Returns: the number of lots; call again while it equals `limit`.
    @discardableResult
    public func expireLots(
        now: Timestamp, limit: Int = 500, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Int {
        fatalError("next commit")
    }

    /// The balance now: credits of lots whose time has come no longer count, swept or not.
    public func balance(
        of account: AccountID, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Balance {
        fatalError("next commit")
    }

    /// A page of the account's purchases, newest first. `limit` is clamped to 1...200.
    public func purchases(
        of account: AccountID, limit: Int, before cursor: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerPage<Purchase> {
        fatalError("next commit")
    }

    /// A page of the account's usage, newest first. `limit` is clamped to 1...200.
    public func usage(
        of account: AccountID, limit: Int, before cursor: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerPage<Usage> {
        fatalError("next commit")
    }

    /// Recomputes everything from entries, lots and holds. Empty means the books agree.
    public func verify(in connection: any DatabaseConnection) async throws(LedgerError) -> [LedgerDiscrepancy] {
        fatalError("next commit")
    }
}
