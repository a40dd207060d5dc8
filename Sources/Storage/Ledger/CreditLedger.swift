public import Core
public import Database

/// The credits of accounts: every movement is an append-only entry, written in the caller's transaction.
///
/// Invariant per account: Σ entries = available + held − debt. Spending takes the lot that expires first. On Postgres
/// the schema's functions move credits, since no role of a server may write their tables; on SQLite `LedgerRules` does.
public struct CreditLedger: Sendable {
    let time: any TimeSource

    public init(time: any TimeSource) { self.time = time }

    /// Opens the account unless it exists. An e-mail address belongs to one account: `referenceConflict` otherwise.
    public func openAccount(
        _ id: AccountID, email: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) {
        try await engine(connection).openAccount(id.text, email: email)
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
        try await engine(connection).grant(
            amount.credits, to: account.text, source: source, reference: reference, expiresAt: expiresAt)
    }

    /// Reserves credits, from the lots that expire first. Idempotent by account and reference: a replay answers
    /// with the same hold, ended or not.
    ///
    /// - Throws: `insufficientCredits`; `referenceConflict` if the reference was held with another amount.
    public func hold(
        _ amount: CreditAmount, on account: AccountID, reference: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> HoldID {
        try identifier(
            try await engine(connection).hold(amount.credits, on: account.text, reference: reference))
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
        _ = try await engine(connection).capture(hold.text, credits: amount?.credits, usage: usage)
        return .captured
    }

    /// Spends many whole holds as one movement each, in one round trip. All or nothing, and no replays.
    ///
    /// - Throws: `referenceConflict` if one is unknown or has ended, or one's job was charged before.
    public func capture(
        whole holds: [HoldCapture], in connection: any DatabaseConnection
    ) async throws(LedgerError) {
        guard !holds.isEmpty else { return }
        do throws(LedgerError) {
            try await engine(connection).capture(whole: holds)
        } catch .unknownHold {
            throw .referenceConflict
        }
    }

    /// Ends a hold by returning its credits to their lots. A replay returns `.released` and moves nothing.
    ///
    /// - Throws: `alreadyEnded(.captured)`.
    @discardableResult
    public func release(
        _ hold: HoldID, reason: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> HoldEnding {
        try await engine(connection).release(hold.text, reason: reason)
        return .released
    }

    /// Charges at once what no hold reserved. One job of an account is charged once, ever: a second call answers with
    /// the first usage, and so does one for a job whose hold was captured.
    ///
    /// - Throws: `insufficientCredits`; `referenceConflict` while a hold under the job's id is open.
    public func deduct(
        _ amount: CreditAmount, from account: AccountID, service: String, jobID: String?,
        in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Deduction {
        try await engine(connection).deduct(amount.credits, from: account.text, service: service, jobID: jobID)
    }

    /// Removes what is left in lots whose time has come, of up to `limit` accounts.
    ///
    /// - Returns: the number of accounts; call again while it equals `limit`.
    @discardableResult
    public func expireLots(
        now: Timestamp, limit: Int = 500, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Int {
        try await engine(connection, now: now).expireLots(limit: limit)
    }

    /// The balance now: credits of lots whose time has come no longer count, swept or not.
    public func balance(
        of account: AccountID, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Balance {
        try await store(connection).balance(account.text)
    }

    // MARK: Steps

    func store(_ connection: any DatabaseConnection) -> LedgerStore {
        LedgerStore(connection: connection, now: time.now())
    }

    func engine(_ connection: any DatabaseConnection, now: Timestamp? = nil) -> any LedgerEngine {
        let store = LedgerStore(connection: connection, now: now ?? time.now())
        switch connection.dialect {
        case .sqlite: return LedgerRules(store: store)
        case .postgres: return LedgerFunctions(store: store, caller: DatabaseCaller.current)
        }
    }

    func identifier<Kind>(_ text: String) throws(LedgerError) -> Identifier<Kind> {
        guard let id = Identifier<Kind>(parsing: text) else {
            throw .database(.misuse("no identifier of kind \(Kind.prefix)"))
        }
        return id
    }
}
