import Core
import Glibc
import SQLite
import Support
import Telemetry
import Testing

/// What came of a run.
struct Outcome: Sendable {
    var seed: UInt64
    var violations: [String]
    var hash: UInt64
    var counts: [String: Int]
    var lines: [String]
    var seconds: Double
    var turns: Int
}

enum Simulator {
    /// A file with the product's schema, made once.
    private static let template = Task<[UInt8], any Error> {
        let folder = TemporaryDirectory()
        let database = try SQLiteDatabase(path: folder.path("template.sqlite"), time: SystemTime())
        try await database.migrate()
        await database.close()
        let file = try OpenFile(path: folder.path("template.sqlite"))
        return try file.read(at: 0, count: file.byteCount)
    }

    private static let isDiverted: Bool = {
        IdentifierDiversion.divert { now in Scheduler.ofThisThread?.identifier(at: now) }
        return true
    }()

    /// Runs on a thread of its own: it would hold up the tests that run beside it.
    static func run(seed: UInt64, keepsLines: Bool = false) async throws -> Outcome {
        precondition(isDiverted)
        let template = try await template.value
        // Warnings of servers whose world breaks down are no news.
        let log = Logger(level: .error, descriptor: -1, format: .json)
        return try await withUnsafeThrowingContinuation { waiter in
            startThread {
                do {
                    let run = try Run(seed: seed, template: template, log: log, keepsLines: keepsLines)
                    run.perform()
                    waiter.resume(returning: run.outcome)
                } catch {
                    waiter.resume(throwing: error)
                }
            }
        }
    }

    static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
}

@Suite struct SimulationTests {
    @Test func `servers keep their promises under faults, whatever the seed`() async throws {
        let first = Simulator.number("CADENZA_SIMULATION_FIRST") ?? 1
        let count = Simulator.number("CADENZA_SIMULATION_SEEDS") ?? 24
        var counts: [String: Int] = [:]
        for seed in first..<first + count {
            let outcome = try await Simulator.run(seed: seed, keepsLines: count == 1)
            if count == 1 { print(outcome.lines.joined(separator: "\n")) }
            let isClean = outcome.violations.isEmpty
            #expect(isClean, "seed \(seed): \(outcome.violations.joined(separator: "; "))")
            counts.merge(outcome.counts) { $0 + $1 }
            counts["turns", default: 0] += outcome.turns
        }
        print(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    }

    @Test(arguments: [7, 11] as [UInt64])
    func `one number repeats a run, turn by turn`(_ seed: UInt64) async throws {
        let first = try await Simulator.run(seed: seed)
        let second = try await Simulator.run(seed: seed)
        #expect(first.hash == second.hash)
        #expect(first.turns == second.turns)
        #expect(first.counts == second.counts)
        #expect(try await Simulator.run(seed: seed + 1).hash != first.hash)
    }
}
