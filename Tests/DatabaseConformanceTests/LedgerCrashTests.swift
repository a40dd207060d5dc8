import Core
import Database
import Glibc
import Ledger
import Postgres
import SQLite
import Support
import Testing

/// Several servers' connections to one ledger, that break off at any point.
@Suite struct LedgerCrashTests {
    private static let workers = 6

    /// A few, or those that CADENZA_TEST_LEDGER_SEEDS names: the first and the last, as in `1-500`.
    private static let seeds: [UInt64] = {
        guard let text = getenv("CADENZA_TEST_LEDGER_SEEDS").map({ String(cString: $0) }) else { return [41, 42] }
        let ends = text.split(separator: "-").compactMap { UInt64($0) }
        guard let first = ends.first, let last = ends.last, first <= last else { return [] }
        return Array(first...last)
    }()

    @Test(arguments: Backend.allCases, seeds)
    func `whatever breaks off, what the books say follows from themselves and is what callers were told`(
        _ backend: Backend, seed: UInt64
    ) async throws {
        let time = ManualTime()
        try await openTwo(backend, time) { databases, kill in
            let ledger = CreditLedger(time: time)
            let accounts = (0..<2).map { _ in AccountID(at: time.now()) }
            for account in accounts {
                try await databases[0].write { try await ledger.openAccount(account, email: nil, in: $0) }
            }
            let tellers = LedgerTellers(accounts: accounts, time: time)
            let connections = (0..<Self.workers).map { worker in
                CrashingDatabase(databases[worker % 2], seed: seed &* 100 &+ UInt64(worker), kill: kill)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (worker, connection) in connections.enumerated() {
                    group.addTask { try await tellers.work(worker, seed: seed, on: connection) }
                }
                try await group.waitForAll()
            }
            let outcome = tellers.outcome
            for account in accounts {
                let audit = LedgerAudit(account: account, outcome: outcome, seed: seed)
                try await databases[0].steadily { try await audit.check($0, ledger, now: time.now()) }
            }
            let discrepancies = try await databases[0].steadily {
                try await $0.read { try await ledger.verify(in: $0) }
            }
            #expect(discrepancies == [], "seed \(seed)")
            let lost = outcome.calls.count { $0.reply == nil }
            let crashes = connections.reduce(0) { $0 + $1.crashCount }
            #expect(lost > 5 && crashes > 20 && outcome.holds.count > 10, "seed \(seed) did little")
        }
    }

    /// Two openings of one database with its schema, as two servers have them, and what ends a Postgres backend.
    private func openTwo(
        _ backend: Backend, _ time: ManualTime,
        _ body: ([any SQLDatabase], @escaping CrashingDatabase.Kill) async throws -> Void
    ) async throws {
        try await backend.withTwo(time: time) { one, other in
            try await Migrator(backend.migrations, time: time).migrate(one)
            guard let one = one as? PostgresDatabase, let other = other as? PostgresDatabase else {
                return try await body([one, other]) { _ in }
            }
            try await body([RoleDatabase(login: one), RoleDatabase(login: other)]) { process in
                // Not one of its own connections: the server may end that one, too.
                try? await PostgresServer.run(["SELECT pg_terminate_backend(\(process))"])
            }
        }
    }
}
