import Core
import Database
import Ledger
import Support
import Testing

/// A hold as the model sees it: what it drew from which lot, in spending order.
private struct ModelHold {
    var id: HoldID
    var draws: [(lot: Int, credits: Int64)]
}

/// The ledger's rules in memory, by the plainest means.
private struct Model {
    var lots: [(available: Int64, expiry: Timestamp?)] = []
    var open: [ModelHold] = []

    func spendable(_ now: Timestamp) -> Int64 {
        lots.filter { $0.expiry.map { $0 > now } ?? true }.reduce(0) { $0 + $1.available }
    }

    var held: Int64 { open.flatMap(\.draws).reduce(0) { $0 + $1.credits } }

    mutating func draw(_ credits: Int64, _ now: Timestamp) -> [(lot: Int, credits: Int64)] {
        var missing = credits
        var draws: [(lot: Int, credits: Int64)] = []
        let forever = Timestamp(milliseconds: .max)
        let order = lots.indices.sorted { (lots[$0].expiry ?? forever, $0) < (lots[$1].expiry ?? forever, $1) }
        for lot in order where lots[lot].expiry.map({ $0 > now }) ?? true {
            let taken = min(missing, lots[lot].available)
            if taken == 0 { continue }
            lots[lot].available -= taken
            missing -= taken
            draws.append((lot, taken))
        }
        return draws
    }

    mutating func end(_ index: Int, spending spent: Int64) {
        var unspent = spent
        for draw in open.remove(at: index).draws {
            let taken = min(unspent, draw.credits)
            unspent -= taken
            lots[draw.lot].available += draw.credits - taken
        }
    }
}

@Suite struct LedgerModelTests {
    @Test(arguments: Backend.allCases, [11, 12, 13] as [UInt64])
    func `random movements agree with a plain model after each one`(_ backend: Backend, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        try await Bank.open(backend) { bank in
            var model = Model()
            for step in 0..<150 {
                try await move(step, bank, &model, &random)
                let expected = Balance(available: model.spendable(bank.time.now()), held: model.held, debt: 0)
                let balance = try await bank.balance()
                let discrepancies = try await bank.discrepancies()
                try #require(balance == expected, "seed \(seed), step \(step)")
                try #require(discrepancies == [], "seed \(seed), step \(step)")
            }
        }
    }

    private func move(_ step: Int, _ bank: Bank, _ model: inout Model, _ random: inout SeededGenerator) async throws {
        let credits = Int64.random(in: 1...9, using: &random)
        let now = bank.time.now()
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
            let seconds = Bool.random(using: &random) ? Double(Int.random(in: 1...50, using: &random)) : nil
            try await bank.grant(credits, "grant-\(step)", expiresIn: seconds)
            model.lots.append((credits, seconds.map { now.adding(seconds: $0) }))
        case 1, 2:
            let spendable = model.spendable(now)
            if spendable >= credits {
                let id = try await bank.hold(credits, "hold-\(step)")
                model.open.append(ModelHold(id: id, draws: model.draw(credits, now)))
            } else {
                await #expect(throws: LedgerError.insufficientCredits(available: spendable, required: credits)) {
                    _ = try await bank.hold(credits, "hold-\(step)")
                }
            }
        case 3:
            guard let index = model.open.indices.randomElement(using: &random) else { return }
            let held = model.open[index].draws.reduce(0) { $0 + $1.credits }
            let spent = Int64.random(in: 1...held, using: &random)
            try await bank.capture(model.open[index].id, spent, job: "job-\(step)")
            model.end(index, spending: spent)
        case 4:
            guard let index = model.open.indices.randomElement(using: &random) else { return }
            try await bank.release(model.open[index].id)
            model.end(index, spending: 0)
        case 5: _ = try await bank.expire()
        default: bank.time.advance(seconds: Double(Int.random(in: 1...20, using: &random)))
        }
    }

    @Test(arguments: Backend.allCases, [21, 22] as [UInt64])
    func `movements interleaved by several tasks keep the books`(_ backend: Backend, seed: UInt64) async throws {
        try await Bank.open(backend) { bank in
            try await bank.grant(20, "start")
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for worker in 0..<4 {
                    group.addTask { try await work(worker, seed: seed, bank) }
                }
                let captured = try await group.reduce(0, +)
                let balance = try await bank.balance()
                #expect(balance == Balance(available: 20 - captured, held: 0, debt: 0), "seed \(seed)")
            }
        }
    }

    /// Holds and ends, with the books checked after each movement; returns what it captured.
    private func work(_ worker: Int, seed: UInt64, _ bank: Bank) async throws -> Int64 {
        var random = SeededGenerator(seed: seed &* 1000 &+ UInt64(worker))
        var captured: Int64 = 0
        for step in 0..<25 {
            let credits = Int64.random(in: 1...3, using: &random)
            let name = "\(worker)-\(step)"
            let endsWell = Int.random(in: 0..<4, using: &random) == 0
            do {
                let hold = try await bank.hold(credits, name)
                #expect(try await bank.discrepancies() == [])
                if endsWell {
                    try await bank.capture(hold, job: name)
                    captured += credits
                } else {
                    try await bank.release(hold)
                }
            } catch LedgerError.insufficientCredits {
                continue
            }
            #expect(try await bank.discrepancies() == [])
        }
        return captured
    }
}
