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
            startThread { waiter.resume(with: Result { try perform(seed, template, log, keepsLines) }) }
        }
    }

    private static func perform(
        _ seed: UInt64, _ template: [UInt8], _ log: Logger, _ keepsLines: Bool
    ) throws -> Outcome {
        let folder = TemporaryDirectory(under: access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil)
        defer { withExtendedLifetime(folder) {} }
        let run = try Run(seed: seed, in: folder, template: template, log: log, keepsLines: keepsLines)
        run.perform()
        return run.outcome
    }

    static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
}

@Suite struct SimulationTests {
    /// Seeds that found one of the faults of docs/simulation.md, planted or not.
    private static let found: [UInt64] = [25, 33, 36, 37, 54, 56, 70, 82, 89, 123, 154, 170]

    /// What must have happened in some of that many runs: else they showed nothing.
    private static let happens = [
        "job.completed", "job.failed", "job.canceled", "failed.too_many_attempts", "client.bought", "client.refunded",
        "client.disputed", "request.repeated", "server.crashed", "server.frozen", "death.at.commit", "deaths",
        "power.cut", "clock.moved", "commit.unknown.made", "commit.unknown.not", "commit.unknown.later",
        "database.refused", "database.unreachable", "database.down", "disk.failed", "disk.full", "disk.names.lost",
        "notice.lost", "engines.on.one.job",
    ]

    private static var seeds: [UInt64] {
        guard let count = Simulator.number("CADENZA_SIMULATION_SEEDS") else { return Array(1...24) + found }
        let first = Simulator.number("CADENZA_SIMULATION_FIRST") ?? 1
        return Array(first..<first + count)
    }

    @Test func `servers keep their promises under faults, whatever the seed`() async throws {
        let seeds = Self.seeds
        var counts: [String: Int] = [:]
        for seed in seeds {
            let outcome = try await Simulator.run(seed: seed, keepsLines: seeds.count == 1)
            if seeds.count == 1 { print(outcome.lines.joined(separator: "\n")) }
            let isClean = outcome.violations.isEmpty
            #expect(isClean, "seed \(seed): \(outcome.violations.joined(separator: "; "))")
            counts.merge(outcome.counts) { $0 + $1 }
            counts["turns", default: 0] += outcome.turns
        }
        if seeds.count >= 30 {
            for kind in Self.happens { #expect(counts[kind, default: 0] > 0, "no run had: \(kind)") }
        }
        let kinds = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("simulated \(seeds.count) runs: \(kinds.joined(separator: ", "))")
    }

    @Test(arguments: [7, 11] as [UInt64])
    func `one number repeats a run, turn by turn`(_ seed: UInt64) async throws {
        let first = try await Simulator.run(seed: seed)
        let second = try await Simulator.run(seed: seed)
        #expect(first.hash == second.hash)
        #expect(first.turns == second.turns)
        #expect(first.counts == second.counts)
        #expect(try await Simulator.run(seed: seed + 1).hash != first.hash)
        if let expected = Simulator.number("CADENZA_SIMULATION_HASH") { #expect(seed != 7 || first.hash == expected) }
    }

    @Test func `one number repeats a run in another process`() async throws {
        let hash = try await Simulator.run(seed: 7).hash
        #expect(await ChildProcess.test("turn by turn", environment: ["CADENZA_SIMULATION_HASH=\(hash)"]) == 0)
        #expect(await ChildProcess.test("turn by turn", environment: ["CADENZA_SIMULATION_HASH=\(hash &+ 1)"]) == 1)
    }
}
