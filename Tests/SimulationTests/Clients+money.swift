import Core
import Database
import Ledger

/// Payments and their news, as a payment provider delivers them: again until they are taken, some twice, some late.
extension Clients {
    func buy(_ client: Int) async {
        for number in 0...run.scheduler.dice.below(3) {
            await rest(0...10)
            let account = run.scheduler.dice.one(of: run.memory.accounts)
            await buy("session-\(client)-\(number)", by: account)
            if run.scheduler.dice.chance(0.5) { await deduct("work-\(client)-\(number)", from: account) }
        }
    }

    private func buy(_ session: String, by account: AccountID) async {
        let credits = Int64(run.scheduler.dice.one(of: [3, 10]))
        let paid = Int64(run.scheduler.dice.one(of: [3490, 1000, 4153]))
        guard let amount = CreditAmount(credits) else { return }
        let order = PurchaseOrder(
            credits: amount, packageType: "starter", session: session, paymentIntent: "intent-\(session)",
            amountMinor: 3490, paidMinor: paid, currency: "EUR")
        for _ in 0...run.scheduler.dice.below(2) {
            let reply = await insist("the purchase \(session)") { life in
                try await life.database.write { try await life.ledger.purchase(order, by: account, in: $0).id }
            }
            guard case .value(let id) = reply else { return }
            if let earlier = run.memory.purchases[session], earlier.id != id {
                run.violated("\(session) was booked as \(earlier.id) and as \(id)")
            }
            if run.memory.purchases[session] == nil {
                run.note("client.bought", "\(credits) for \(session)")
                run.memory.purchases[session] = ClientMemory.Bought(id: id, account: account, credits: credits)
            }
        }
        await hear(of: session, credits: credits, paid: paid)
    }

    private func hear(of session: String, credits: Int64, paid: Int64) async {
        guard let id = run.memory.purchases[session]?.id else { return }
        await rest(0...10)
        let gone: Int64
        switch run.scheduler.dice.below(4) {
        case 0: gone = await refunds(of: id, session, paid)
        case 1:
            await dispute(id, session, paid)
            gone = 0
        case 2:
            await dispute(id, session, paid, isWon: false)
            gone = paid
        default: gone = 0
        }
        run.memory.purchases[session]?.removed = (credits * gone + paid - 1) / paid
    }

    /// Running totals; the last one may come before the others.
    private func refunds(of id: PurchaseID, _ session: String, _ paid: Int64) async -> Int64 {
        var totals = [paid / 3, paid / 2, run.scheduler.dice.chance(0.5) ? paid : paid * 3 / 4]
        if run.scheduler.dice.chance(0.5) { totals.swapAt(0, 2) }
        totals.append(totals[run.scheduler.dice.below(3)])
        for total in totals {
            _ = await insist("a refund of \(session)") { life in
                try await life.database.write {
                    try await life.ledger.refund(
                        id, refundedMinor: total, reference: "refund-\(session)-\(total)", in: $0)
                }
            }
            run.trace.count("client.refunded")
        }
        return totals.max() ?? 0
    }

    private func dispute(_ id: PurchaseID, _ session: String, _ paid: Int64, isWon: Bool = true) async {
        _ = await insist("a dispute of \(session)") { life in
            try await life.database.write {
                try await life.ledger.dispute(id, disputedMinor: paid, reference: "dispute-\(session)", in: $0)
            }
        }
        run.trace.count("client.disputed")
        guard isWon else { return }
        await rest(0...10)
        _ = await insist("the end of the dispute of \(session)") { life in
            try await life.database.write {
                try await life.ledger.reinstate(id, disputedMinor: 0, reference: "won-\(session)", in: $0)
            }
        }
    }

    private func deduct(_ work: String, from account: AccountID) async {
        guard let one = CreditAmount(1) else { return }
        for _ in 0...run.scheduler.dice.below(2) {
            let reply = await insist(
                "the charge for \(work)",
                isFinal: { error in
                    if case LedgerError.insufficientCredits = error { return true }
                    return false
                }
            ) { life in
                try await life.database.write {
                    try await life.ledger.deduct(one, from: account, service: "first", jobID: work, in: $0).usageID
                }
            }
            guard case .value(let usage) = reply else { return }
            if let earlier = run.memory.deductions[work], earlier != usage {
                run.violated("\(work) was charged as \(earlier) and as \(usage)")
            }
            run.memory.deductions[work] = usage
            run.trace.count("client.deducted")
        }
    }
}
