internal import Core

extension LedgerRules {
    func purchase(
        _ order: PurchaseOrder, by account: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> (id: String, balance: Balance) {
        _ = try await store.account(account)
        if let earlier = try await store.purchase(session: order.session) {
            guard earlier.accountID == account, earlier.credits == order.credits.credits,
                earlier.packageType == order.packageType
            else { throw .referenceConflict }
            return (earlier.id, try await store.balance(account))
        }
        let lot = try await lot(of: order.credits.credits, for: account, .purchase, order.session, expiresAt)
        guard let id = try await store.insertPurchase(order, accountID: account, lotID: lot) else {
            throw .referenceConflict
        }
        return (id, try await store.balance(account))
    }

    func followPayment(
        of purchase: String, _ news: PaymentNews, reference: String
    ) async throws(LedgerError) -> Movement {
        let found = try await store.purchase(purchase)
        let account = found.accountID
        let kind = news.kind.rawValue
        if let earlier = try await store.entry(of: account, kind: kind, reference: reference) {
            guard earlier.lotID == found.lotID else { throw .referenceConflict }
            return Movement(credits: 0, balance: try await store.balance(account))
        }
        let paid = found.paidMinor
        for amount in [news.refundedMinor, news.disputedMinor].compactMap({ $0 }) {
            guard (0...paid).contains(amount) else { throw .amountExceedsPayment }
        }
        let onlyOneWay: (Int64, Int64) -> Int64 = { news.kind == .reinstate ? min($0, $1) : max($0, $1) }
        let refunded = onlyOneWay(news.refundedMinor ?? found.refundedMinor, found.refundedMinor)
        let disputed = onlyOneWay(news.disputedMinor ?? found.disputedMinor, found.disputedMinor)
        let moved = Self.share(of: found.credits, refunded, disputed, paid: paid) - found.removedCredits
        try await store.setReturned(purchase, refunded, disputed, removed: found.removedCredits + moved)
        try await expire(account)
        if moved >= 0 {
            // Also when nothing moves: the entry is what a replay is known by.
            try await take(moved, from: found.lotID, of: account, kind, reference)
        } else {
            try await giveBack(-moved, to: found.lotID, of: account, reference)
        }
        return Movement(credits: -moved, balance: try await store.balance(account))
    }

    /// ceil(credits × returned ÷ paid); nothing paid, nothing to return.
    private static func share(of credits: Int64, _ refunded: Int64, _ disputed: Int64, paid: Int64) -> Int64 {
        guard paid > 0 else { return 0 }
        let (sum, isTooMuch) = refunded.addingReportingOverflow(disputed)
        let (share, rest) = paid.dividingFullWidth(credits.multipliedFullWidth(by: isTooMuch ? paid : min(sum, paid)))
        return rest > 0 ? share + 1 : share
    }

    private func take(
        _ credits: Int64, from lotID: String?, of account: String, _ kind: String, _ reference: String
    ) async throws(LedgerError) {
        var taken: Int64 = 0
        if let lotID {
            taken = min(credits, try await store.lot(lotID).available)
            try await store.moveLot(lotID, available: -taken, refunded: taken)
        }
        try await store.post(
            LedgerStore.Entry(
                accountID: account, kind: kind, reference: reference, available: -taken, debt: credits - taken,
                lotID: lotID))
    }

    /// What was a debt repays debts first, the rest returns to the lot; what the lot never gave comes as a new one.
    private func giveBack(
        _ credits: Int64, to lotID: String?, of account: String, _ reference: String
    ) async throws(LedgerError) {
        let debt = try await store.account(account).debt
        let lot = if let lotID { try await store.lot(lotID) } else { nil as LedgerStore.Lot? }
        let fromLot = min(credits, lot?.refunded ?? 0)
        let other = credits - fromLot
        let forgiven = min(other, debt)
        let repaid = min(fromLot, debt - forgiven)
        if let lot {
            try await store.moveLot(lot.id, available: fromLot - repaid, repaid: repaid, refunded: -fromLot)
        }
        if other > forgiven {
            _ = try await store.insertLot(
                accountID: account, source: .adjustment, credits: other - forgiven, repaid: 0,
                expiresAt: lot?.expiresAt)
        }
        try await store.post(
            LedgerStore.Entry(
                accountID: account, kind: PaymentNews.Kind.reinstate.rawValue, reference: reference,
                available: credits - forgiven - repaid, debt: -forgiven - repaid, lotID: lotID))
    }

    func adjust(
        _ account: String, by credits: Int64, reference: String, expiresAt: Timestamp?
    ) async throws(LedgerError) -> Balance {
        if credits > 0 {
            return try await grant(
                credits, to: account, source: .adjustment, reference: reference, expiresAt: expiresAt)
        }
        _ = try await store.account(account)
        if let earlier = try await store.entry(of: account, kind: "adjust", reference: reference) {
            guard earlier.amount == credits else { throw .referenceConflict }
            return try await store.balance(account)
        }
        try await expire(account)
        let (draws, missing) = try await draws(-credits, from: account)
        for draw in draws { try await store.moveLot(draw.lotID, available: -draw.credits, refunded: draw.credits) }
        try await store.post(
            LedgerStore.Entry(
                accountID: account, kind: "adjust", reference: reference, available: credits + missing,
                debt: missing))
        return try await store.balance(account)
    }
}
