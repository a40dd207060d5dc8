internal import Core

/// The ledger's rules by the program itself, in a transaction that no other writer runs beside.
struct LedgerRules: LedgerEngine {
    let store: LedgerStore

    func openAccount(_ id: String, email: String?) async throws(LedgerError) {
        guard try await !store.insertAccount(id, email: email) else { return }
        do throws(LedgerError) {
            _ = try await store.account(id)
        } catch .unknownAccount {
            throw .referenceConflict
        }
    }

    func grant(
        _ credits: Int64, to account: String, source: LotSource, reference: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> Balance {
        _ = try await lot(of: credits, for: account, source, reference, expiresAt)
        return try await store.balance(account)
    }

    /// The lot that the reference brought, now or before.
    func lot(
        of credits: Int64, for account: String, _ source: LotSource, _ reference: String, _ expiresAt: Timestamp?
    ) async throws(LedgerError) -> String? {
        let before = try await store.account(account)
        if let earlier = try await store.entry(of: account, kind: source.entryKind, reference: reference) {
            guard earlier.amount == credits, earlier.source == source.rawValue else { throw .referenceConflict }
            return earlier.lotID
        }
        let repaid = min(before.debt, credits)
        let id = try await store.insertLot(
            accountID: account, source: source, credits: credits, repaid: repaid, expiresAt: expiresAt)
        try await store.post(
            LedgerStore.Entry(
                accountID: account, kind: source.entryKind, reference: reference, available: credits - repaid,
                debt: -repaid, lotID: id))
        return id
    }

    func hold(_ credits: Int64, on account: String, reference: String) async throws(LedgerError) -> String {
        _ = try await store.account(account)
        if let earlier = try await store.hold(of: account, reference: reference) {
            guard earlier.credits == credits else { throw .referenceConflict }
            return earlier.id
        }
        try await expire(account)
        let (draws, missing) = try await draws(credits, from: account)
        guard missing == 0 else { throw .insufficientCredits(available: credits - missing, required: credits) }
        let id = try await store.insertHold(accountID: account, reference: reference, credits: credits)
        for draw in draws {
            try await store.moveLot(draw.lotID, available: -draw.credits, held: draw.credits)
            try await store.insertDraw(draw, holdID: id)
        }
        try await store.post(
            LedgerStore.Entry(
                accountID: account, kind: "hold", reference: reference, available: -credits, held: credits,
                holdID: id))
        return id
    }

    func capture(_ hold: String, credits: Int64?, usage: UsageRecord) async throws(LedgerError) -> String {
        let found = try await store.hold(hold)
        let captured = credits ?? found.credits
        guard captured <= found.credits else { throw .amountExceedsHold }
        switch found.ending {
        case .released: throw .alreadyEnded(.released)
        case .captured:
            guard found.captured == captured else { throw .referenceConflict }
            return try await store.usage(ofHold: hold)
        case nil: break
        }
        guard
            let id = try await store.insertUsage(usage, accountID: found.accountID, holdID: hold, credits: captured)
        else { throw .referenceConflict }
        try await end(hold, found, .captured, captured: captured, reason: nil)
        return id
    }

    func capture(whole holds: [HoldCapture]) async throws(LedgerError) {
        for item in holds {
            guard try await store.hold(item.hold.text).ending == nil else { throw .referenceConflict }
            _ = try await capture(item.hold.text, credits: nil, usage: item.usage)
        }
    }

    func release(_ hold: String, reason: String) async throws(LedgerError) {
        let found = try await store.hold(hold)
        guard found.ending != .captured else { throw .alreadyEnded(.captured) }
        if found.ending == nil { try await end(hold, found, .released, captured: 0, reason: reason) }
    }

    func deduct(
        _ credits: Int64, from account: String, service: String, jobID: String?
    ) async throws(LedgerError) -> Deduction {
        _ = try await store.account(account)
        if let job = jobID {
            if let first = try await store.usage(ofJob: job, accountID: account) {
                return Deduction(usageID: first, available: try await store.balance(account).available)
            }
            let open = try await store.hold(of: account, reference: job)
            if let open, try await store.hold(open.id).ending == nil { throw .referenceConflict }
        }
        let name = jobID ?? Identifier<UsageKind>(at: store.now).text
        let hold = try await hold(credits, on: account, reference: "deduct:\(name)")
        let id = try await capture(hold, credits: nil, usage: UsageRecord(service: service, jobID: jobID))
        return Deduction(usageID: id, available: try await store.balance(account).available)
    }

    func expireLots(limit: Int) async throws(LedgerError) -> Int {
        let accounts = try await store.accountsWithExpiredLots(limit: limit)
        for account in accounts { try await expire(account) }
        return accounts.count
    }

    // MARK: Steps

    /// A lot whose time has come is swept before it could be drawn on, so that the balance is true.
    func expire(_ accountID: String) async throws(LedgerError) {
        for lot in try await store.expiredLots(accountID) {
            try await store.moveLot(lot.id, available: -lot.available, expired: lot.available)
            // A lot expires again when a later release returns credits to it: what expired so far tells them apart.
            try await store.post(
                LedgerStore.Entry(
                    accountID: accountID, kind: "expire", reference: "\(lot.id):\(lot.expired + lot.available)",
                    available: -lot.available, lotID: lot.id))
        }
    }

    /// What to take from which lot, and what they lack.
    func draws(
        _ credits: Int64, from account: String
    ) async throws(LedgerError) -> (draws: [LedgerStore.Draw], missing: Int64) {
        var missing = credits
        var draws: [LedgerStore.Draw] = []
        for lot in try await store.spendableLots(account) where missing > 0 {
            let taken = min(lot.available, missing)
            draws.append(LedgerStore.Draw(lotID: lot.id, credits: taken))
            missing -= taken
        }
        return (draws, missing)
    }

    /// Spends `captured` of the hold, the earliest expiry first, and returns the rest; a debt takes of it first.
    private func end(
        _ id: String, _ hold: LedgerStore.Hold, _ ending: HoldEnding, captured: Int64, reason: String?
    ) async throws(LedgerError) {
        let account = try await store.account(hold.accountID)
        var unspent = captured
        var debt = account.debt
        for draw in try await store.draws(id) {
            let spent = min(draw.credits, unspent)
            let repaid = min(draw.credits - spent, debt)
            unspent -= spent
            debt -= repaid
            try await store.moveLot(
                draw.lotID, available: draw.credits - spent - repaid, held: -draw.credits, captured: spent,
                repaid: repaid)
        }
        let repaid = account.debt - debt
        try await store.endHold(id, ending, captured: captured, reason: reason)
        try await store.post(
            LedgerStore.Entry(
                accountID: hold.accountID, kind: ending == .captured ? "capture" : "release", reference: id,
                available: hold.credits - captured - repaid, held: -hold.credits, debt: -repaid, holdID: id))
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
