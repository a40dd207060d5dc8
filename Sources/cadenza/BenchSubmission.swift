import ArgumentParser
import Core
import Database
import JobQueue
import Ledger
import Postgres
import Reactor

/// What a submission costs the database: a credit is held and a task is put into the queue, in one transaction.
struct BenchSubmission: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submission", abstract: "Measure holding a credit and enqueueing a task, in one transaction.",
        discussion: "The Postgres database must be empty, and is left full: scripts/bench-jobs makes one.")

    @Option(help: "postgresql://…: an empty database.") var database: String
    @Option(help: "Seconds to measure.") var seconds = 5
    @Option(help: "Connections, each with a submission under way.") var connections = 16
    @Option(help: "Accounts that submit.") var accounts = 100
    @Flag(help: "Print the same statements as a script for pgbench, and measure nothing.") var pgbench = false

    func run() async throws {
        for (name, value) in [("--seconds", seconds), ("--connections", connections), ("--accounts", accounts)]
        where !(1...10_000).contains(value) {
            throw CommandFailure("\(name) is \(value); allowed: 1 to 10000", exit: .usage)
        }
        if pgbench { return print(Self.script) }
        var limits = PostgresLimits.patient
        limits.connectionsMax = connections
        let loop = try EventLoop(name: "bench")
        defer { loop.stop() }
        let database = try await PostgresDatabase.open(
            try PostgresAddress(self.database), loops: [loop], time: SystemTime(), limits: limits)
        try await database.migrate()
        let names = try await open(database)
        let count = try await withTaskExecutorPreference(loop) { try await submit(names, database) }
        print("\(count / seconds)")
        await database.close()
    }

    /// Their names are numbers, so that pgbench can make them up.
    private func open(_ database: PostgresDatabase) async throws -> [AccountID] {
        let names = (0..<accounts).compactMap { number in
            let digits = String(number, radix: 16)
            return AccountID(parsing: "acc_" + String(repeating: "0", count: 32 - digits.count) + digits)
        }
        let ledger = CreditLedger(time: SystemTime())
        guard let plenty = CreditAmount(1_000_000) else { return [] }
        try await database.write { connection in
            for name in names {
                try await ledger.openAccount(name, email: "\(name)@example.org", in: connection)
                try await ledger.grant(
                    plenty, to: name, source: .adjustment, reference: "bench", expiresAt: nil, in: connection)
            }
        }
        return names
    }

    private func submit(_ names: [AccountID], _ database: PostgresDatabase) async throws -> Int {
        let (ledger, queue) = (CreditLedger(time: SystemTime()), TaskQueue(time: SystemTime()))
        guard let one = CreditAmount(1) else { return 0 }
        let end = monotonicNanoseconds() + UInt64(seconds) * 1_000_000_000
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    var count = 0
                    while monotonicNanoseconds() < end {
                        let id = Identifier<JobName>(at: SystemTime().now()).text
                        let account = names[Int.random(in: names.indices)]
                        try await database.write { connection in
                            _ = try await ledger.hold(one, on: account, reference: id, in: connection)
                            try await queue.enqueue(
                                id, kind: "job", fairnessKey: account.text, payload: "1", in: connection)
                        }
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
    }

    private enum JobName: IdentifierKind { static let prefix: StaticString = "job" }

    /// Named as ours are: in the order of time.
    private static let name = """
        'job_' || to_hex(CAST(extract(epoch FROM transaction_timestamp()) * 1000000 AS BIGINT)) || '-' || :job
        """

    private static let account = "'acc_' || lpad(to_hex(CAST(:account AS BIGINT)), 32, '0')"

    private static let script = """
        \\set account random(0, :accounts - 1)
        \\set job random(1, 9000000000000000000)
        \\startpipeline
        BEGIN;
        SELECT ledger_hold(\(account), 1, \(name), CAST(:now AS BIGINT)) AS hold;
        INSERT INTO queue_tasks
            (id, kind, fairness_key, priority, payload, unique_key, run_at, state, created_at, is_due)
            VALUES (\(name), 'job', \(account), 0, '1', NULL, CAST(:now AS BIGINT), 'queued', CAST(:now AS BIGINT), 1)
            ON CONFLICT DO NOTHING;
        COMMIT;
        \\endpipeline
        """
}
