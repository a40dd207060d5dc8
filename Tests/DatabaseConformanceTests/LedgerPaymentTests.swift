import Core
import Database
import Ledger
import Support
import Testing

extension Bank {
    /// Buys `credits` for as many euros.
    @discardableResult
    func buy(_ credits: Int64, _ session: String, paidMinor: Int64? = nil) async throws -> PurchaseID {
        let order = PurchaseOrder(
            credits: try #require(CreditAmount(credits)), packageType: "starter", session: session,
            paymentIntent: "pi_\(session)", amountMinor: credits * 100, paidMinor: paidMinor, currency: "EUR")
        return try await database.write { try await ledger.purchase(order, by: account, in: $0).id }
    }

    @discardableResult
    func refund(_ purchase: PurchaseID, _ minor: Int64, _ reference: String) async throws -> Int64 {
        try await database.write {
            try await ledger.refund(purchase, refundedMinor: minor, reference: reference, in: $0).credits
        }
    }

    @discardableResult
    func dispute(_ purchase: PurchaseID, _ minor: Int64, _ reference: String) async throws -> Int64 {
        try await database.write {
            try await ledger.dispute(purchase, disputedMinor: minor, reference: reference, in: $0).credits
        }
    }

    @discardableResult
    func reinstate(
        _ purchase: PurchaseID, refunded: Int64? = nil, disputed: Int64? = nil, _ reference: String
    ) async throws -> Int64 {
        try await database.write {
            try await ledger.reinstate(
                purchase, refundedMinor: refunded, disputedMinor: disputed, reference: reference, in: $0
            ).credits
        }
    }

    @discardableResult
    func adjust(_ credits: Int64, _ reference: String) async throws -> Balance {
        try await database.write { try await ledger.adjust(account, by: credits, reference: reference, in: $0) }
    }

    func deduct(_ credits: Int64, job: String?) async throws -> Deduction {
        let amount = try #require(CreditAmount(credits))
        return try await database.write {
            try await ledger.deduct(amount, from: account, service: "mastering", jobID: job, in: $0)
        }
    }
}

@Suite struct LedgerPaymentTests {
    @Test(arguments: Backend.allCases)
    func `a session is booked once, and stands for one purchase`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let first = try await bank.buy(10, "cs_1")
            #expect(try await bank.buy(10, "cs_1") == first)
            #expect(try await bank.balance().available == 10)
            await #expect(throws: LedgerError.referenceConflict) { try await bank.buy(50, "cs_1") }
            #expect(try await bank.database.read { try await bank.ledger.purchase(paidBy: "cs_1", in: $0) } == first)
            #expect(try await bank.database.read { try await bank.ledger.purchase(paidBy: "pi_cs_1", in: $0) } == first)
            #expect(try await bank.database.read { try await bank.ledger.purchase(paidBy: "cs_2", in: $0) } == nil)
            let stranger = AccountID(at: bank.time.now())
            try await bank.database.write { try await bank.ledger.openAccount(stranger, email: nil, in: $0) }
            let theirs = Bank(database: bank.database, time: bank.time, ledger: bank.ledger, account: stranger)
            await #expect(throws: LedgerError.referenceConflict) { try await theirs.buy(10, "cs_1") }
            #expect(try await theirs.balance().available == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `partial refunds take the share of the payment that is gone, rounded up once`(
        _ backend: Backend
    ) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1", paidMinor: 3490)
            #expect(try await bank.refund(purchase, 1, "re_1") == -1)
            #expect(try await bank.refund(purchase, 349, "re_2") == 0)
            #expect(try await bank.refund(purchase, 350, "re_3") == -1)
            #expect(try await bank.refund(purchase, 3489, "re_4") == -8)
            #expect(try await bank.refund(purchase, 3490, "re_5") == 0)
            #expect(try await bank.balance() == Balance(available: 0, held: 0, debt: 0))
            await #expect(throws: LedgerError.amountExceedsPayment) { try await bank.refund(purchase, 3491, "re_6") }
            await #expect(throws: LedgerError.amountExceedsPayment) { try await bank.refund(purchase, -1, "re_6") }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refund takes from its own purchase, then becomes a debt, though other credits are there`(
        _ backend: Backend
    ) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1")
            try await bank.capture(bank.hold(8, "job-1"), job: "job-1")
            try await bank.grant(3, "trial")
            #expect(try await bank.refund(purchase, 1000, "re_1") == -10)
            #expect(try await bank.balance() == Balance(available: 3, held: 0, debt: 8))
            #expect(try await bank.lots() == [0, 3])
        }
    }

    @Test(arguments: Backend.allCases)
    func `every incoming credit repays a debt first`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1")
            let hold = try await bank.hold(10, "job-1")
            try await bank.dispute(purchase, 1000, "dp_1")
            #expect(try await bank.balance() == Balance(available: 0, held: 10, debt: 10))
            try await bank.capture(hold, 7, job: "job-1")
            #expect(try await bank.balance() == Balance(available: 0, held: 0, debt: 7), "the rest of a capture")
            try await bank.grant(2, "trial")
            try await bank.buy(1, "cs_2")
            try await bank.adjust(1, "sorry")
            #expect(try await bank.balance() == Balance(available: 0, held: 0, debt: 3))
            #expect(try await bank.reinstate(purchase, disputed: 0, "dp_won") == 10)
            #expect(try await bank.balance() == Balance(available: 7, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `news of a payment that come twice or late move nothing`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1")
            try await bank.refund(purchase, 600, "re_2")
            #expect(try await bank.refund(purchase, 300, "re_1") == 0, "the earlier of two refunds")
            #expect(try await bank.refund(purchase, 600, "re_2") == 0)
            #expect(try await bank.reinstate(purchase, refunded: 800, "re_0") == 0, "a reinstatement never takes")
            #expect(try await bank.reinstate(purchase, refunded: 100, "re_3") == 5)
            #expect(try await bank.refund(purchase, 600, "re_2") == 0, "its reference was used up")
            #expect(try await bank.balance().available == 9)
            let other = try await bank.buy(10, "cs_2")
            await #expect(throws: LedgerError.referenceConflict) { try await bank.refund(other, 600, "re_2") }
            await #expect(throws: LedgerError.unknownPurchase) {
                try await bank.refund(PurchaseID(at: bank.time.now()), 1, "re_9")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `news that moved nothing when they came move nothing later, whatever came between`(
        _ backend: Backend
    ) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1")
            #expect(try await bank.refund(purchase, 1000, "re_all") == -10)
            #expect(try await bank.refund(purchase, 500, "re_late") == 0)
            #expect(try await bank.reinstate(purchase, refunded: 0, "re_failed") == 10)
            #expect(try await bank.refund(purchase, 500, "re_late") == 0)

            #expect(try await bank.dispute(purchase, 300, "dp_some") == -3)
            #expect(try await bank.reinstate(purchase, disputed: 600, "dp_late") == 0)
            #expect(try await bank.dispute(purchase, 900, "dp_more") == -6)
            #expect(try await bank.reinstate(purchase, disputed: 600, "dp_late") == 0)
            #expect(try await bank.balance() == Balance(available: 1, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refund and a dispute of one payment take its credits once`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1")
            #expect(try await bank.refund(purchase, 700, "re_1") == -7)
            #expect(try await bank.dispute(purchase, 1000, "dp_1") == -3)
            #expect(try await bank.reinstate(purchase, disputed: 0, "dp_won") == 3)
            #expect(try await bank.balance() == Balance(available: 3, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `what a reinstatement gives back beyond its lot comes as a lot of its own`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1")
            try await bank.capture(bank.hold(6, "job-1"), job: "job-1")
            try await bank.refund(purchase, 1000, "re_1")
            try await bank.grant(8, "plan", source: .plan)
            #expect(try await bank.balance() == Balance(available: 2, held: 0, debt: 0))
            #expect(try await bank.reinstate(purchase, refunded: 0, "re_failed") == 10)
            #expect(try await bank.balance() == Balance(available: 12, held: 0, debt: 0))
            #expect(try await bank.lots() == [4, 2, 6])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what returns to a lot repays the debts of others first`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let first = try await bank.buy(10, "cs_1")
            let second = try await bank.buy(10, "cs_2")
            try await bank.capture(bank.hold(14, "job-1"), job: "job-1")
            try await bank.refund(second, 1000, "re_2")
            try await bank.refund(first, 1000, "re_1")
            #expect(try await bank.balance() == Balance(available: 0, held: 0, debt: 14))
            #expect(try await bank.reinstate(second, refunded: 0, "re_2_failed") == 10)
            #expect(try await bank.balance() == Balance(available: 0, held: 0, debt: 4))
            #expect(try await bank.discrepancies() == [])
            #expect(try await bank.reinstate(first, refunded: 0, "re_1_failed") == 10)
            #expect(try await bank.balance() == Balance(available: 6, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a payment of nothing has nothing to give back`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1", paidMinor: 0)
            #expect(try await bank.refund(purchase, 0, "re_1") == 0)
            await #expect(throws: LedgerError.amountExceedsPayment) { try await bank.refund(purchase, 1, "re_2") }
            #expect(try await bank.balance().available == 10)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refund of an expired purchase is a debt`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let order = PurchaseOrder(
                credits: try #require(CreditAmount(4)), packageType: "starter", session: "cs_1", amountMinor: 400,
                currency: "EUR")
            let expiry = bank.time.now().adding(seconds: 10)
            let purchase = try await bank.database.write {
                try await bank.ledger.purchase(order, by: bank.account, expiresAt: expiry, in: $0).id
            }
            bank.time.advance(seconds: 10)
            #expect(try await bank.refund(purchase, 200, "re_1") == -2)
            #expect(try await bank.balance() == Balance(available: 0, held: 0, debt: 2))
        }
    }

    @Test(arguments: Backend.allCases)
    func `an adjustment takes the earliest expiry first and owes the rest`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(5, "forever")
            try await bank.grant(5, "soon", expiresIn: 100)
            #expect(try await bank.adjust(-7, "a") == Balance(available: 3, held: 0, debt: 0))
            #expect(try await bank.lots() == [3, 0])
            #expect(try await bank.adjust(-7, "a") == Balance(available: 3, held: 0, debt: 0))
            #expect(try await bank.adjust(-7, "b") == Balance(available: 0, held: 0, debt: 4))
            await #expect(throws: LedgerError.referenceConflict) { try await bank.adjust(-6, "b") }
            await #expect(throws: LedgerError.referenceConflict) { try await bank.adjust(7, "b") }
            let nothing = LedgerError.database(.misuse("an adjustment by 0 credits"))
            await #expect(throws: nothing) { try await bank.adjust(0, "c") }
            #expect(try await bank.adjust(5, "c") == Balance(available: 1, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `one job is charged once, whoever charges it`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            let first = try await bank.deduct(2, job: "theirs")
            #expect(first.available == 8)
            #expect(try await bank.deduct(2, job: "theirs") == first)
            let hold = try await bank.hold(3, "ours")
            await #expect(throws: LedgerError.referenceConflict, "it is under way") {
                _ = try await bank.deduct(3, job: "ours")
            }
            try await bank.capture(hold, job: "ours")
            let charged = try await bank.deduct(3, job: "ours")
            #expect(charged.available == 5)
            #expect(try await bank.statement(limit: 1).usage?.entries.map(\.id) == [charged.usageID])
            #expect(try await bank.deduct(1, job: nil) != bank.deduct(1, job: nil), "without a job there is no replay")
            await #expect(throws: LedgerError.insufficientCredits(available: 3, required: 4)) {
                _ = try await bank.deduct(4, job: "much")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `many holds are spent at once, all or none`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(4, "soon", expiresIn: 100)
            try await bank.grant(20, "forever")
            var batch: [HoldCapture] = []
            for number in 0..<6 {
                let usage = UsageRecord(service: "s", jobID: "job-\(number)", processingSeconds: 2, fileBytes: nil)
                batch.append(HoldCapture(hold: try await bank.hold(3, "job-\(number)"), usage: usage))
            }
            let spend = { (holds: [HoldCapture]) async throws in
                try await bank.database.write { try await bank.ledger.capture(whole: holds, in: $0) }
            }
            let unknown = HoldCapture(hold: HoldID(at: bank.time.now()), usage: batch[0].usage)
            for wrong in [batch + [unknown], batch + [batch[0]]] {
                await #expect(throws: LedgerError.referenceConflict) { try await spend(wrong) }
            }
            #expect(try await bank.balance() == Balance(available: 6, held: 18, debt: 0))
            try await spend(Array(batch.prefix(5)))
            #expect(try await bank.balance() == Balance(available: 6, held: 3, debt: 0))
            await #expect(throws: LedgerError.referenceConflict, "one has ended") { try await spend(batch) }
            try await spend([])
            await #expect(throws: LedgerError.alreadyEnded(.captured)) { try await bank.release(batch[0].hold) }
            _ = try await bank.deduct(1, job: "charged")
            var charged = batch[5]
            charged.usage.jobID = "charged"
            let again = charged
            await #expect(throws: LedgerError.referenceConflict) { try await spend([again]) }
            #expect(try await bank.balance() == Balance(available: 5, held: 3, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `racing replays of a session and a charge count once`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask { try await bank.buy(10, "cs_1") }
                }
                try await group.waitForAll()
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask { _ = try await bank.deduct(4, job: "job-1") }
                }
                try await group.waitForAll()
            }
            #expect(try await bank.balance() == Balance(available: 6, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `verify finds a purchase whose returns its history does not explain`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let purchase = try await bank.buy(10, "cs_1")
            try await bank.refund(purchase, 300, "re_1")
            try await bank.run("UPDATE credit_purchases SET removed_credits = 2")
            #expect(try await bank.brokenRules() == [.purchases])
            try await bank.run("UPDATE credit_purchases SET removed_credits = 3")
        }
    }
}
