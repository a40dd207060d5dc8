import Core
import Database
import Ledger
import Support
import Testing

/// An account on a fresh database, and the ledger's calls with less ceremony.
struct Bank: Sendable {
    let database: any SQLDatabase
    let time: ManualTime
    let ledger: CreditLedger
    let account: AccountID

    static func open<Value: Sendable>(
        _ backend: Backend, balanced: Bool = true, _ body: (Bank) async throws -> Value
    ) async throws -> Value {
        let time = ManualTime()
        return try await backend.withDatabase(time: time) { database in
            let bank = Bank(
                database: database, time: time, ledger: CreditLedger(time: time), account: AccountID(at: time.now()))
            try await database.write { try await bank.ledger.openAccount(bank.account, email: "a@example.org", in: $0) }
            let value = try await body(bank)
            let discrepancies = try await bank.discrepancies()
            #expect(discrepancies.isEmpty == balanced, "\(discrepancies)")
            return value
        }
    }

    func discrepancies() async throws -> [LedgerDiscrepancy] {
        try await database.read { try await ledger.verify(in: $0) }
    }

    func brokenRules() async throws -> Set<LedgerDiscrepancy.Rule> { Set(try await discrepancies().map(\.rule)) }

    @discardableResult
    func grant(
        _ credits: Int64, _ reference: String, source: LotSource = .trial, expiresIn seconds: Double? = nil
    ) async throws -> Balance {
        let amount = try #require(CreditAmount(credits))
        let expiry = seconds.map { time.now().adding(seconds: $0) }
        return try await database.write {
            try await ledger.grant(
                amount, to: account, source: source, reference: reference, expiresAt: expiry, in: $0)
        }
    }

    func hold(_ credits: Int64, _ reference: String) async throws -> HoldID {
        let amount = try #require(CreditAmount(credits))
        return try await database.write { try await ledger.hold(amount, on: account, reference: reference, in: $0) }
    }

    @discardableResult
    func capture(_ hold: HoldID, _ credits: Int64? = nil, job: String?) async throws -> HoldEnding {
        let amount = credits.flatMap { CreditAmount($0) }
        let usage = UsageRecord(service: "separation", jobID: job, processingSeconds: 12, fileBytes: 3_000_000_000)
        return try await database.write { try await ledger.capture(hold, amount: amount, usage: usage, in: $0) }
    }

    @discardableResult
    func release(_ hold: HoldID) async throws -> HoldEnding {
        try await database.write { try await ledger.release(hold, reason: "failed", in: $0) }
    }

    func balance() async throws -> Balance {
        try await database.read { try await ledger.balance(of: account, in: $0) }
    }

    /// A page of each of the account's histories, or another's.
    func statement(
        of other: AccountID? = nil, limit: Int = 50, usageBefore cursor: String? = nil
    ) async throws -> Statement {
        try await LedgerReader(database: database, ledger: ledger).statement(
            of: other ?? account, limit: limit, purchasesCursor: nil, usageCursor: cursor.map { .some($0) })
    }

    func expire() async throws -> Int {
        try await database.write { try await ledger.expireLots(now: time.now(), in: $0) }
    }

    /// What the lots still have to spend, the oldest lot first.
    func lots() async throws -> [Int64] {
        try await database.read { connection in
            try await connection.query("SELECT available FROM credit_lots ORDER BY id", []).map {
                try $0.integer("available")
            }
        }
    }

    /// As the schema's owner, whom no grant stops.
    func run(_ sql: String) async throws {
        try await DatabaseCaller.$current.withValue(.owner) {
            _ = try await database.write { try await $0.execute(sql, []) }
        }
    }
}

@Suite struct LedgerTests {
    @Test(arguments: Backend.allCases)
    func `a grant counts once, however often it is replayed`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            for _ in 0..<3 {
                let balance = try await bank.grant(3, "trial")
                #expect(balance == Balance(available: 3, held: 0, debt: 0))
            }
            await #expect(throws: LedgerError.referenceConflict) { try await bank.grant(4, "trial") }
            await #expect(throws: LedgerError.referenceConflict) { try await bank.grant(3, "trial", source: .plan) }
            let balance = try await bank.grant(5, "trial", source: .purchase)
            #expect(balance.available == 8, "another kind of movement has references of its own")
        }
    }

    @Test(arguments: Backend.allCases)
    func `an unknown account is refused, never passed`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            let stranger = AccountID(at: bank.time.now())
            let one = try #require(CreditAmount(1))
            await #expect(throws: LedgerError.unknownAccount) {
                try await bank.database.write {
                    try await bank.ledger.hold(one, on: stranger, reference: "job", in: $0)
                }
            }
            await #expect(throws: LedgerError.unknownAccount) {
                try await bank.database.read { try await bank.ledger.balance(of: stranger, in: $0) }
            }
            await #expect(throws: LedgerError.unknownHold) { try await bank.release(HoldID(at: bank.time.now())) }
            await #expect(throws: LedgerError.referenceConflict, "the address is another account's") {
                try await bank.database.write {
                    try await bank.ledger.openAccount(stranger, email: "a@example.org", in: $0)
                }
            }
            try await bank.database.write {
                try await bank.ledger.openAccount(bank.account, email: "a@example.org", in: $0)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a hold reserves, a capture spends, a release gives back`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(3, "trial")
            let first = try await bank.hold(2, "job-1")
            #expect(try await bank.balance() == Balance(available: 1, held: 2, debt: 0))
            await #expect(throws: LedgerError.insufficientCredits(available: 1, required: 2)) {
                _ = try await bank.hold(2, "job-2")
            }
            try await bank.release(first)
            #expect(try await bank.balance() == Balance(available: 3, held: 0, debt: 0))
            let second = try await bank.hold(3, "job-3")
            try await bank.capture(second, job: "job-3")
            #expect(try await bank.balance() == Balance(available: 0, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a hold ends once and a second ending is told which one won`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            let captured = try await bank.hold(4, "job-1")
            try await bank.capture(captured, 3, job: "job-1")
            await #expect(throws: LedgerError.alreadyEnded(.captured)) { try await bank.release(captured) }
            #expect(try await bank.capture(captured, 3, job: "job-1") == .captured)
            await #expect(throws: LedgerError.referenceConflict) { try await bank.capture(captured, 2, job: "job-1") }
            let released = try await bank.hold(4, "job-2")
            try await bank.release(released)
            await #expect(throws: LedgerError.alreadyEnded(.released)) { try await bank.capture(released, job: "j") }
            #expect(try await bank.release(released) == .released)
            #expect(try await bank.balance() == Balance(available: 7, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a hold replayed is the same hold, with another amount a conflict`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            let hold = try await bank.hold(4, "job-1")
            #expect(try await bank.hold(4, "job-1") == hold)
            await #expect(throws: LedgerError.referenceConflict) { _ = try await bank.hold(5, "job-1") }
            #expect(try await bank.balance() == Balance(available: 6, held: 4, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a partial capture returns the rest, and never takes more than was held`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            let hold = try await bank.hold(6, "job-1")
            await #expect(throws: LedgerError.amountExceedsHold) { try await bank.capture(hold, 7, job: "job-1") }
            try await bank.capture(hold, 2, job: "job-1")
            #expect(try await bank.balance() == Balance(available: 8, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `one account is charged once for a job`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            let first = try await bank.hold(2, "a")
            let second = try await bank.hold(2, "b")
            try await bank.capture(first, job: "job-1")
            await #expect(throws: LedgerError.referenceConflict) { try await bank.capture(second, job: "job-1") }
            #expect(try await bank.balance() == Balance(available: 6, held: 2, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `spending takes the lot that expires first, a release returns to where it came from`(
        _ backend: Backend
    ) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(5, "forever")
            try await bank.grant(5, "late", expiresIn: 200)
            try await bank.grant(5, "soon", expiresIn: 100)
            let hold = try await bank.hold(7, "job-1")
            #expect(try await bank.lots() == [5, 3, 0])
            try await bank.capture(hold, 6, job: "job-1")
            #expect(try await bank.lots() == [5, 4, 0], "the rest comes from what was drawn last")
            let rest = try await bank.hold(9, "job-2")
            #expect(try await bank.lots() == [0, 0, 0])
            try await bank.release(rest)
            #expect(try await bank.lots() == [5, 4, 0])
        }
    }

    @Test(arguments: Backend.allCases)
    func `an expired lot is not spendable, swept or not`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(5, "soon", expiresIn: 100)
            try await bank.grant(1, "forever")
            let hold = try await bank.hold(2, "job-1")
            bank.time.advance(seconds: 100)
            #expect(try await bank.balance() == Balance(available: 1, held: 2, debt: 0))
            await #expect(throws: LedgerError.insufficientCredits(available: 1, required: 2)) {
                _ = try await bank.hold(2, "job-2")
            }
            #expect(try await bank.expire() == 1)
            #expect(try await bank.expire() == 0)
            try await bank.release(hold)
            #expect(
                try await bank.balance() == Balance(available: 1, held: 0, debt: 0), "it returned to an expired lot")
            #expect(try await bank.expire() == 1)
            #expect(try await bank.balance() == Balance(available: 1, held: 0, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `concurrent holds never overdraw`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            let won = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<30 {
                    group.addTask { (try? await bank.hold(1, "job-\(number)")) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(won == 10)
            #expect(try await bank.balance() == Balance(available: 0, held: 10, debt: 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `racing endings of one hold have one winner`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            for number in 0..<20 {
                let hold = try await bank.hold(1, "job-\(number)")
                async let captured = try? bank.capture(hold, job: "job-\(number)")
                async let released = try? bank.release(hold)
                let endings = await [captured, released].compactMap { $0 }
                #expect(endings.count == 1)
                if endings == [.captured] { try await bank.grant(1, "again-\(number)") }
                #expect(try await bank.balance() == Balance(available: 10, held: 0, debt: 0))
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `history is append-only, whoever asks`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(3, "trial")
            let hold = try await bank.hold(1, "job-1")
            try await bank.release(hold)
            let attacks = [
                "UPDATE credit_ledger SET amount = 1000", "DELETE FROM credit_ledger",
                "UPDATE credit_holds SET state = 'held', ended_at = NULL", "DELETE FROM credit_holds",
                "UPDATE credit_users SET credits = -1", "UPDATE credit_lots SET available = available + 1",
            ]
            for attack in attacks {
                await #expect(throws: DatabaseError.self, "\(attack)") { try await bank.run(attack) }
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `verify finds a balance that history does not explain`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(3, "trial")
            try await bank.run("UPDATE credit_users SET credits = 30")
            let found = try await bank.discrepancies()
            #expect(Set(found.map(\.rule)) == [.entries, .lots])
            #expect(found.allSatisfy { $0.expected == 3 && $0.found == 30 && $0.subject == bank.account.text })
            try await bank.run("UPDATE credit_users SET credits = 3")
        }
    }

    @Test(arguments: Backend.allCases)
    func `verify finds a hold whose draws, usage or ending are missing`(_ backend: Backend) async throws {
        try await Bank.open(backend, balanced: false) { bank in
            try await bank.grant(3, "trial")
            let hold = try await bank.hold(2, "job-1")
            try await bank.run("UPDATE credit_hold_lots SET credits = 1")
            #expect(try await bank.brokenRules() == [.draws, .lotHeld])
            try await bank.run("UPDATE credit_hold_lots SET credits = 2")
            try await bank.capture(hold, job: "job-1")
            try await bank.run("UPDATE credit_usage SET credits = 1")
            #expect(try await bank.brokenRules() == [.usage])
            try await bank.run("UPDATE credit_usage SET credits = 2")
            let open = try await bank.hold(1, "job-2")
            try await bank.run("UPDATE credit_holds SET state = 'released', ended_at = 1 WHERE id = '\(open)'")
            #expect(try await bank.brokenRules() == [.lotHeld, .holds, .ending])
        }
    }

    @Test(arguments: Backend.allCases)
    func `usage comes newest first in pages that meet without gap or overlap`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(10, "trial")
            for number in 1...5 { try await bank.capture(bank.hold(1, "job-\(number)"), job: "job-\(number)") }
            var seen: [String?] = []
            var cursor: String?
            repeat {
                let page = try #require(try await bank.statement(limit: 2, usageBefore: cursor).usage)
                seen += page.entries.map(\.record.jobID)
                #expect(page.entries.allSatisfy { $0.record.fileBytes == 3_000_000_000 && $0.credits == 1 })
                cursor = page.next
            } while cursor != nil
            #expect(seen == ["job-5", "job-4", "job-3", "job-2", "job-1"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `purchases are the account's own`(_ backend: Backend) async throws {
        try await Bank.open(backend) { bank in
            try await bank.run(
                """
                INSERT INTO credit_purchases (id, user_id, credits, package_type, amount_minor, currency, created_at)
                SELECT 'pur_1', id, 10, 'starter', 3490, 'EUR', 5 FROM credit_users
                """)
            let page = try #require(try await bank.statement().purchases)
            #expect(page.entries.map(\.amountMinor) == [3490])
            #expect(page.next == nil)
            let stranger = AccountID(at: bank.time.now())
            try await bank.database.write { try await bank.ledger.openAccount(stranger, email: nil, in: $0) }
            #expect(try await bank.statement(of: stranger).purchases?.entries == [])
        }
    }
}
