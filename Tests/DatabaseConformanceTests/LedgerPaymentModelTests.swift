import Core
import Database
import Ledger
import Support
import Testing

/// Payments, debts and adjustments beside holds, by the plainest means: whole amounts, no SQL.
private struct PaymentModel {
    struct Lot {
        var available: Int64
        var expiry: Timestamp?
        /// What refunds, disputes and adjustments took of it.
        var taken: Int64 = 0
    }

    struct Purchase {
        var id: PurchaseID
        var lot: Int
        var credits: Int64
        var paid: Int64
        var refunded: Int64 = 0
        var disputed: Int64 = 0
        var removed: Int64 = 0
    }

    struct Hold {
        var id: HoldID
        var draws: [(lot: Int, credits: Int64)]
    }

    var lots: [Lot] = []
    var purchases: [Purchase] = []
    var holds: [Hold] = []
    var debt: Int64 = 0

    func balance(_ now: Timestamp) -> Balance {
        Balance(
            available: lots.filter { $0.expiry.map { $0 > now } ?? true }.reduce(0) { $0 + $1.available },
            held: holds.flatMap(\.draws).reduce(0) { $0 + $1.credits }, debt: debt)
    }

    /// What of incoming credits is left once the debt is repaid.
    private mutating func incoming(_ credits: Int64) -> Int64 {
        let repaid = min(debt, credits)
        debt -= repaid
        return credits - repaid
    }

    mutating func add(_ credits: Int64, _ expiry: Timestamp?) {
        lots.append(Lot(available: incoming(credits), expiry: expiry))
    }

    mutating func sweep(_ now: Timestamp) {
        for index in lots.indices where lots[index].expiry.map({ $0 <= now }) ?? false { lots[index].available = 0 }
    }

    /// Takes of the lots that expire first; what they lack is returned.
    mutating func draw(_ credits: Int64, _ now: Timestamp) -> (draws: [(lot: Int, credits: Int64)], missing: Int64) {
        sweep(now)
        var missing = credits
        var draws: [(lot: Int, credits: Int64)] = []
        let forever = Timestamp(milliseconds: .max)
        let order = lots.indices.sorted { (lots[$0].expiry ?? forever, $0) < (lots[$1].expiry ?? forever, $1) }
        for lot in order where min(missing, lots[lot].available) > 0 {
            let taken = min(missing, lots[lot].available)
            lots[lot].available -= taken
            missing -= taken
            draws.append((lot, taken))
        }
        return (draws, missing)
    }

    mutating func end(_ index: Int, spending spent: Int64) {
        var unspent = spent
        for draw in holds.remove(at: index).draws {
            let taken = min(unspent, draw.credits)
            unspent -= taken
            lots[draw.lot].available += incoming(draw.credits - taken)
        }
    }

    mutating func adjust(_ credits: Int64, _ now: Timestamp) {
        guard credits < 0 else { return add(credits, nil) }
        let (draws, missing) = draw(-credits, now)
        for draw in draws { lots[draw.lot].taken += draw.credits }
        debt += missing
    }

    /// What the account gains by the payment's new state.
    mutating func follow(_ index: Int, _ now: Timestamp) -> Int64 {
        let purchase = purchases[index]
        let returned = min(purchase.paid, purchase.refunded + purchase.disputed)
        let gone = (purchase.credits * returned + purchase.paid - 1) / purchase.paid
        let moved = gone - purchase.removed
        purchases[index].removed = gone
        sweep(now)
        if moved > 0 {
            let taken = min(moved, lots[purchase.lot].available)
            lots[purchase.lot].available -= taken
            lots[purchase.lot].taken += taken
            debt += moved - taken
        } else if moved < 0 {
            let fromLot = min(-moved, lots[purchase.lot].taken)
            let fresh = incoming(-moved - fromLot)
            lots[purchase.lot].taken -= fromLot
            lots[purchase.lot].available += incoming(fromLot)
            if fresh > 0 { lots.append(Lot(available: fresh, expiry: lots[purchase.lot].expiry)) }
        }
        return -moved
    }
}

@Suite struct LedgerPaymentModelTests {
    @Test(arguments: Backend.allCases, [31, 32, 33, 34] as [UInt64])
    func `purchases, refunds, disputes, adjustments and holds in any order agree with a plain model`(
        _ backend: Backend, seed: UInt64
    ) async throws {
        var random = SeededGenerator(seed: seed)
        try await Bank.open(backend) { bank in
            var model = PaymentModel()
            for step in 0..<300 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1: try await pay(step, bank, &model, &random)
                case 2, 3: try await spend(step, bank, &model, &random)
                default: bank.time.advance(seconds: Double(Int.random(in: 1...10, using: &random)))
                }
                let (balance, discrepancies) = (try await bank.balance(), try await bank.discrepancies())
                try #require(balance == model.balance(bank.time.now()), "seed \(seed), step \(step)")
                try #require(discrepancies == [], "seed \(seed), step \(step)")
            }
            #expect(model.purchases.contains { $0.removed > 0 } && model.lots.count > 20, "seed \(seed) did little")
        }
    }

    private func pay(
        _ step: Int, _ bank: Bank, _ model: inout PaymentModel, _ random: inout SeededGenerator
    ) async throws {
        let now = bank.time.now()
        guard !model.purchases.isEmpty, Int.random(in: 0..<3, using: &random) > 0 else {
            let credits = Int64.random(in: 1...12, using: &random)
            let paid = Int64.random(in: 1...4000, using: &random)
            let id = try await bank.buy(credits, "cs_\(step)", paidMinor: paid)
            model.add(credits, nil)
            model.purchases.append(
                PaymentModel.Purchase(id: id, lot: model.lots.count - 1, credits: credits, paid: paid))
            return
        }
        let index = Int.random(in: model.purchases.indices, using: &random)
        let purchase = model.purchases[index]
        let amount = Int64.random(in: 0...purchase.paid, using: &random)
        let gained: Int64
        switch Int.random(in: 0..<5, using: &random) {
        case 0, 1:
            model.purchases[index].refunded = max(purchase.refunded, amount)
            gained = try await bank.refund(purchase.id, amount, "re_\(step)")
        case 2:
            model.purchases[index].disputed = max(purchase.disputed, amount)
            gained = try await bank.dispute(purchase.id, amount, "dp_\(step)")
        case 3:
            model.purchases[index].refunded = min(purchase.refunded, amount)
            gained = try await bank.reinstate(purchase.id, refunded: amount, "back_\(step)")
        default:
            model.purchases[index].disputed = min(purchase.disputed, amount)
            gained = try await bank.reinstate(purchase.id, disputed: amount, "won_\(step)")
        }
        #expect(gained == model.follow(index, now), "step \(step)")
    }

    private func spend(
        _ step: Int, _ bank: Bank, _ model: inout PaymentModel, _ random: inout SeededGenerator
    ) async throws {
        let now = bank.time.now()
        let credits = Int64.random(in: 1...9, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            let seconds = Double(Int.random(in: 1...40, using: &random))
            try await bank.grant(credits, "grant-\(step)", expiresIn: seconds)
            model.add(credits, now.adding(seconds: seconds))
        case 1:
            let signed = Bool.random(using: &random) ? credits : -credits
            try await bank.adjust(signed, "adjust-\(step)")
            model.adjust(signed, now)
        case 2, 3:
            let spendable = model.balance(now).available
            guard spendable >= credits else {
                await #expect(throws: LedgerError.insufficientCredits(available: spendable, required: credits)) {
                    _ = try await bank.hold(credits, "hold-\(step)")
                }
                return
            }
            let id = try await bank.hold(credits, "hold-\(step)")
            model.holds.append(PaymentModel.Hold(id: id, draws: model.draw(credits, now).draws))
        default:
            guard let index = model.holds.indices.randomElement(using: &random) else { return }
            let hold = model.holds[index]
            let held = hold.draws.reduce(0) { $0 + $1.credits }
            let spent = Int64.random(in: 0...held, using: &random)
            if spent > 0 {
                try await bank.capture(hold.id, spent, job: "job-\(step)")
            } else {
                try await bank.release(hold.id)
            }
            model.end(index, spending: spent)
        }
    }
}
