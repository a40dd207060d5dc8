import ArgumentParser
import Core
import Database
import JobQueue
import Ledger
import Postgres
import Reactor
import SQLite

/// Tasks that do nothing through claim and ending, each batch in two transactions.
struct BenchQueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Measure the queue: tasks that do nothing, from claim to end.",
        discussion: """
            Without --database on a SQLite file that is removed afterwards. A Postgres database must be empty, and is \
            left full: scripts/bench-queue makes one, and runs pgbench with the same statements beside it.
            """)

    @Option(help: "postgresql://…: an empty database.") var database: String?
    @Option(help: "Tasks that are worked off.") var tasks = 20_000
    @Option(help: "Tasks in each claim.") var batch = 20
    @Option(help: "Claimers at once.") var claimers = 4
    @Option(help: "Accounts whose tasks they are.") var accounts = 20
    @Option(help: "Ended tasks that lie in the table already.") var ended = 0
    @Flag(help: "Each task holds a credit, which is captured in the transaction that ends it.") var credits = false
    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "Print the same statements as a script for pgbench, and measure nothing.") var pgbench = false

    func run() async throws {
        for (name, value) in [
            ("--tasks", tasks), ("--batch", batch), ("--claimers", claimers), ("--accounts", accounts),
        ] where !(1...10_000_000).contains(value) {
            throw CommandFailure("\(name) is \(value); allowed: 1 to 10000000", exit: .usage)
        }
        if pgbench { return print(QueuePeer.script(batch: batch, credits: credits)) }
        let measurement = try await withDatabase { database in
            try await QueueMeasurement(
                database: database, tasks: tasks, batch: batch, claimers: claimers, accounts: accounts, ended: ended,
                credits: credits)
        }
        print(json ? measurement.json.text : measurement.text)
    }

    private func withDatabase<Value>(_ body: (any SQLDatabase) async throws -> Value) async throws -> Value {
        guard let url = database else {
            let folder = try ScratchFolder()
            defer { folder.remove() }
            let database = try SQLiteDatabase(path: folder.path + "/queue.db", time: SystemTime())
            try await database.migrate()
            let value = try await body(database)
            await database.close()
            return value
        }
        var limits = PostgresLimits.patient
        limits.connectionsMax = claimers + 1
        let loops = try (0..<2).map { try EventLoop(name: "bench-\($0)") }
        defer { for loop in loops { loop.stop() } }
        let database = try await PostgresDatabase.open(
            try PostgresAddress(url), loops: loops, time: SystemTime(), limits: limits)
        try await database.migrate()
        let value = try await body(database)
        await database.close()
        return value
    }
}

/// What the bench measured.
private struct QueueMeasurement {
    let tasks: Int
    let batch: Int
    let enqueueSeconds: Double
    let workSeconds: Double
    /// From the call to the commit, ascending.
    let claimSeconds: [Double]
    let endSeconds: [Double]

    private var tasksPerSecond: Double { Double(tasks) / workSeconds }

    init(
        database: any SQLDatabase, tasks: Int, batch: Int, claimers: Int, accounts: Int, ended: Int, credits: Bool
    ) async throws {
        self.tasks = tasks
        self.batch = batch
        var limits = QueueLimits()
        limits.runningPerKeyMax = 1_000_000
        let queue = TaskQueue(time: SystemTime(), limits: limits, clock: .database)
        try await Self.fill(database, ended: ended)
        let ledger = credits ? CreditLedger(time: SystemTime()) : nil
        let all = try await Self.tasks(tasks, accounts, ledger, database)
        let beginning = monotonicNanoseconds()
        _ = try await database.write { try await queue.enqueue(all, in: $0) }
        let filled = monotonicNanoseconds()
        let work = try await withThrowingTaskGroup(of: Work.self) { group in
            for number in 0..<claimers {
                let worker = WorkerIdentity(host: "bench-\(number)", bootID: "b", pid: 1, startTicks: 1)
                group.addTask { try await Self.work(database, queue, ledger, worker, batch) }
            }
            return try await group.reduce(into: Work()) { $0.add($1) }
        }
        let end = monotonicNanoseconds()
        guard work.done == tasks else { throw CommandFailure("\(work.done) of \(tasks) tasks ended", exit: .software) }
        enqueueSeconds = Double(filled - beginning) / 1e9
        workSeconds = Double(end - filled) / 1e9
        claimSeconds = work.claimSeconds.sorted()
        endSeconds = work.endSeconds.sorted()
    }

    private struct Work {
        var done = 0
        var claimSeconds: [Double] = []
        var endSeconds: [Double] = []

        mutating func add(_ other: Work) {
            done += other.done
            claimSeconds += other.claimSeconds
            endSeconds += other.endSeconds
        }
    }

    private static func work(
        _ database: any SQLDatabase, _ queue: TaskQueue, _ ledger: CreditLedger?, _ worker: WorkerIdentity,
        _ batch: Int
    ) async throws -> Work {
        var work = Work()
        while true {
            let start = monotonicNanoseconds()
            let claims = try await database.write {
                try await queue.claim(worker: worker, kinds: ["work"], limit: batch, in: $0)
            }
            guard !claims.isEmpty else { return work }
            let claimed = monotonicNanoseconds()
            let holds = ledger == nil ? [] : claims.compactMap(Self.capture)
            work.done += try await database.write { connection in
                let ended = try await queue.complete(claims, in: connection)
                try await ledger?.capture(whole: holds, in: connection)
                return ended.count
            }
            work.claimSeconds.append(Double(claimed - start) / 1e9)
            work.endSeconds.append(Double(monotonicNanoseconds() - claimed) / 1e9)
        }
    }

    private static func capture(_ claim: Claim) -> HoldCapture? {
        HoldID(parsing: claim.payload).map {
            HoldCapture(hold: $0, usage: UsageRecord(service: "bench", jobID: claim.taskID))
        }
    }

    private static let holdsPerTransaction = 500

    /// With a ledger each task's payload is the hold of one credit of its account.
    private static func tasks(
        _ count: Int, _ accounts: Int, _ ledger: CreditLedger?, _ database: any SQLDatabase
    ) async throws -> [NewTask] {
        let names = (0..<accounts).map { _ in AccountID(at: SystemTime().now()) }
        var tasks = (0..<count).map {
            NewTask("task-\($0)", kind: "work", fairnessKey: names[$0 % accounts].text, payload: "")
        }
        guard let ledger, let one = CreditAmount(1), let plenty = CreditAmount(Int64(count) * 4) else { return tasks }
        try await database.write { connection in
            for (number, name) in names.enumerated() {
                try await ledger.openAccount(name, email: "bench-\(number)@example.org", in: connection)
                try await ledger.grant(
                    plenty, to: name, source: .adjustment, reference: "bench", expiresAt: nil, in: connection)
            }
        }
        for start in stride(from: 0, to: count, by: holdsPerTransaction) {
            let range = start..<min(count, start + holdsPerTransaction)
            let holds = try await database.write { connection in
                var holds: [String] = []
                for index in range {
                    let account = names[index % accounts]
                    holds.append(
                        try await ledger.hold(one, on: account, reference: "task-\(index)", in: connection).text)
                }
                return holds
            }
            for (index, hold) in zip(range, holds) { tasks[index].payload = hold }
        }
        return tasks
    }

    private static func fill(_ database: any SQLDatabase, ended: Int) async throws {
        let numbers =
            switch database.dialect {
            case .sqlite:
                "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < \(ended)) SELECT n FROM s"
            case .postgres: "SELECT n FROM generate_series(1, \(ended)) n"
            }
        try await database.write { connection in
            let present = try await connection.query("SELECT id FROM queue_tasks LIMIT 1", [])
            guard present.isEmpty else { throw CommandFailure("the database has tasks in it", exit: .usage) }
            guard ended > 0 else { return }
            try await connection.executeScript(
                """
                INSERT INTO queue_tasks (id, kind, fairness_key, priority, payload, state, run_at, attempt, created_at,
                    ended_at)
                SELECT 'ended-' || n, 'work', 'account-' || n % 20, 0, '', 'completed', 1, 1, 1, n FROM (\(numbers)) m
                """)
        }
        if ended > 0 { try await database.write { try await $0.executeScript("ANALYZE queue_tasks") } }
    }

    private static func quantile(_ share: Double, of sorted: [Double]) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] * 1000
    }

    var json: JSON {
        [
            "tasks": .integer(Int64(tasks)), "batch": .integer(Int64(batch)),
            "tasksPerSecond": .number(tasksPerSecond), "enqueuedPerSecond": .number(Double(tasks) / enqueueSeconds),
            "claimMillisecondsP50": .number(Self.quantile(0.5, of: claimSeconds)),
            "claimMillisecondsP99": .number(Self.quantile(0.99, of: claimSeconds)),
            "endMillisecondsP50": .number(Self.quantile(0.5, of: endSeconds)),
            "endMillisecondsP99": .number(Self.quantile(0.99, of: endSeconds)),
        ]
    }

    var text: String {
        func figure(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        return """
            tasks per second     \(Int(tasksPerSecond)), in claims of \(batch)
            enqueued per second  \(Int(Double(tasks) / enqueueSeconds)), in one transaction
            a claim              \(figure(Self.quantile(0.5, of: claimSeconds))) ms, p99 \
            \(figure(Self.quantile(0.99, of: claimSeconds))) ms
            an ending            \(figure(Self.quantile(0.5, of: endSeconds))) ms, p99 \
            \(figure(Self.quantile(0.99, of: endSeconds))) ms
            """
    }
}

/// The same transactions for pgbench, in as few round trips as it can make of them.
private enum QueuePeer {
    private static let now = "CAST(:now AS BIGINT)"
    private static let claimed = "SELECT c.* FROM claimed c"
    private static let kept = """
        SELECT COALESCE(json_agg(c.id), '[]') AS ids, COALESCE(json_agg(c.token), '[]') AS tokens FROM claimed c
        """

    private static let holds = """
        , COALESCE(json_agg(json_build_object('hold', c.payload, 'service', 'bench', 'job', c.id)), '[]') AS holds
        """

    static func script(batch: Int, credits: Bool) -> String {
        var claim = QueueStatements.claim(kindCount: 1).split(separator: "\n").joined(separator: " ")
        claim.replace(
            claimed, with: credits ? kept.replacing(" FROM claimed c", with: holds + " FROM claimed c") : kept)
        claim.replace(" ORDER BY r.place", with: "")
        let claimValues = [
            "NULL", "1000000", "\(batch)", "CAST(:random AS TEXT)", "'pgbench'", "'b'", "'n'", "1", "1", "30000",
            "'work'",
        ]
        let bringIn = QueueStatements.bringIn(.postgres).split(separator: "\n").joined(separator: " ")
        let end = QueueStatements.end(.postgres).split(separator: "\n").joined(separator: " ")
        let capture = credits ? "\nSELECT ledger_capture_all(CAST(:holds AS TEXT), \(now));" : ""
        return """
            \\set random random(1, 2000000000)
            \\startpipeline
            BEGIN;
            \(QueueStatements.turnToClaim.split(separator: "\n").joined(separator: " "));
            \(filled(bringIn, ["NULL"]));
            \\endpipeline
            \(filled(claim, claimValues)) \\gset
            \\startpipeline
            COMMIT;
            BEGIN;
            \(QueueStatements.steadyPlan);
            \(filled(end, [":ids", ":tokens", "'completed'", "NULL"]));\(capture)
            COMMIT;
            \\endpipeline
            """
    }

    /// The statement with its placeholders replaced, the last first: `$1` begins `$10`.
    private static func filled(_ sql: String, _ values: [String]) -> String {
        var text = sql
        for (index, value) in values.enumerated().reversed() { text.replace("$\(index + 1)", with: value) }
        return text
    }
}
