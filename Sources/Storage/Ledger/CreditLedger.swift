public import Core
public import Database

/// The credits of accounts: every movement is an append-only entry, written in the caller's transaction.
///
/// Invariant per account: Σ entries = available + held − debt. Spending takes the lot that expires first.
public struct CreditLedger: Sendable {
    let time: any TimeSource

    public init(time: any TimeSource) { self.time = time }

    /// Opens the account unless it exists. An e-mail address belongs to one account: `referenceConflict` otherwise.
    public func openAccount(
        _ id: AccountID, email: String?, in connection: any DatabaseConnection
    ) async throws(LedgerError) {
        let store = store(connection)
        guard try await !store.insertAccount(id.text, email: email) else { return }
        do throws(LedgerError) {
            _ = try await store.lockAccount(id.text)
        } catch .unknownAccount {
            throw .referenceConflict
        }
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
        let store = store(connection)
        let before = try await store.lockAccount(account.text)
        if let earlier = try await store.entry(of: account.text, kind: source.entryKind, reference: reference) {
            guard earlier.amount == amount.credits, earlier.source == source.rawValue else { throw .referenceConflict }
            return try await balance(of: account, in: connection)
        }
        let lotID = Identifier<LotKind>(at: store.now).text
        let repaid = min(before.debt, amount.credits)
        try await store.insertLot(
            lotID, accountID: account.text, source: source, credits: amount.credits, repaid: repaid,
            expiresAt: expiresAt)
        try await store.post(
            LedgerStore.Entry(
                accountID: account.text, kind: source.entryKind, reference: reference,
                available: amount.credits - repaid, debt: -repaid, lotID: lotID))
        return try await balance(of: account, in: connection)
    }

    /// Reserves credits, from the lots that expire first. Idempotent by account and reference: a replay answers
    /// with the same hold, ended or not.
    ///
    /// - Throws: `insufficientCredits`; `referenceConflict` if the reference was held with another amount.
    public func hold(
        _ amount: CreditAmount, on account: AccountID, reference: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> HoldID {
        let store = store(connection)
        _ = try await store.lockAccount(account.text)
        if let earlier = try await store.hold(of: account.text, reference: reference) {
            guard earlier.credits == amount.credits, let id = HoldID(parsing: earlier.id) else {
                throw .referenceConflict
            }
            return id
        }
        let draws = try await draws(amount.credits, from: account, store)
        let id = HoldID(at: store.now)
        try await store.insertHold(id.text, accountID: account.text, reference: reference, credits: amount.credits)
        for draw in draws {
            try await store.moveLot(draw.lotID, available: -draw.credits, held: draw.credits)
            try await store.insertDraw(draw, holdID: id.text)
        }
        try await store.post(
            LedgerStore.Entry(
                accountID: account.text, kind: "hold", reference: reference, available: -amount.credits,
                held: amount.credits, holdID: id.text))
        return id
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
        let store = store(connection)
        let (found, account) = try await store.lockHold(hold.text)
        let captured = amount?.credits ?? found.credits
        guard captured <= found.credits else { throw .amountExceedsHold }
        if let ending = found.ending {
            guard ending == .captured else { throw .alreadyEnded(ending) }
            guard found.captured == captured else { throw .referenceConflict }
            return .captured
        }
        let isFirst = try await store.insertUsage(
            usage, accountID: found.accountID, holdID: hold.text, credits: captured)
        guard isFirst else { throw .referenceConflict }
        try await end(hold, found, account, .captured, captured: captured, reason: nil, store)
        return .captured
    }

    /// Ends a hold by returning its credits to their lots. A replay returns `.released` and moves nothing.
    ///
    /// - Throws: `alreadyEnded(.captured)`.
    @discardableResult
    public func release(
        _ hold: HoldID, reason: String, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> HoldEnding {
        let store = store(connection)
        let (found, account) = try await store.lockHold(hold.text)
        if let ending = found.ending {
            guard ending == .released else { throw .alreadyEnded(ending) }
            return .released
        }
        try await end(hold, found, account, .released, captured: 0, reason: reason, store)
        return .released
    }

    /// Removes what is left in lots whose time has come, of up to `limit` accounts.
    ///
    /// - Returns: the number of accounts; call again while it equals `limit`.
    @discardableResult
    public func expireLots(
        now: Timestamp, limit: Int = 500, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Int {
        let store = LedgerStore(connection: connection, now: now)
        let accounts = try await store.accountsWithExpiredLots(limit: limit)
        for account in accounts {
            _ = try await store.lockAccount(account)
            try await expire(account, store)
        }
        return accounts.count
    }

    /// The balance now: credits of lots whose time has come no longer count, swept or not.
    public func balance(
        of account: AccountID, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Balance {
        let found = try await store(connection).balance(account.text)
        return Balance(available: found.available, held: found.held, debt: found.debt)
    }

    // MARK: Steps

    func store(_ connection: any DatabaseConnection) -> LedgerStore {
        LedgerStore(connection: connection, now: time.now())
    }

    /// What to take from which lot; a lot whose time has come is swept first, so that the balance is true.
    private func draws(
        _ credits: Int64, from account: AccountID, _ store: LedgerStore
    ) async throws(LedgerError) -> [LedgerStore.Draw] {
        try await expire(account.text, store)
        var missing = credits
        var draws: [LedgerStore.Draw] = []
        let lots = try await store.spendableLots(account.text)
        for lot in lots where missing > 0 {
            let taken = min(lot.available, missing)
            draws.append(LedgerStore.Draw(lotID: lot.id, credits: taken))
            missing -= taken
        }
        guard missing == 0 else {
            throw .insufficientCredits(available: lots.reduce(0) { $0 + $1.available }, required: credits)
        }
        return draws
    }

    private func expire(_ accountID: String, _ store: LedgerStore) async throws(LedgerError) {
        for lot in try await store.expiredLots(accountID) {
            try await store.moveLot(lot.id, available: -lot.available, expired: lot.available)
            // A lot expires again when a later release returns credits to it: what expired so far tells them apart.
            try await store.post(
                LedgerStore.Entry(
                    accountID: accountID, kind: "expire", reference: "\(lot.id):\(lot.expired + lot.available)",
                    available: -lot.available, lotID: lot.id))
        }
    }

    /// Spends `captured` of the hold, the earliest expiry first, and returns the rest; a debt takes of it first.
    private func end(
        _ id: HoldID, _ hold: LedgerStore.Hold, _ account: LedgerStore.Account, _ ending: HoldEnding, captured: Int64,
        reason: String?, _ store: LedgerStore
    ) async throws(LedgerError) {
        var unspent = captured
        var debt = account.debt
        for draw in try await store.draws(id.text) {
            let spent = min(draw.credits, unspent)
            let repaid = min(draw.credits - spent, debt)
            unspent -= spent
            debt -= repaid
            try await store.moveLot(
                draw.lotID, available: draw.credits - spent - repaid, held: -draw.credits, captured: spent,
                repaid: repaid)
        }
        let repaid = account.debt - debt
        try await store.endHold(id.text, ending, captured: captured, reason: reason)
        try await store.post(
            LedgerStore.Entry(
                accountID: hold.accountID, kind: ending == .captured ? "capture" : "release", reference: id.text,
                available: hold.credits - captured - repaid, held: -hold.credits, debt: -repaid, holdID: id.text))
    }
}

extension LedgerStore.Hold {
    /// `nil` while it is open.
    var ending: HoldEnding? { HoldEnding(rawValue: state) }
}

extension LotSource {
    var entryKind: String {
        switch self {
        case .trial, .plan: "grant"
        case .purchase: "purchase"
        case .adjustment: "adjust"
        }
    }
}
