import Core
import Database
import Postgres
import Support
import Synchronization
import Testing

@testable import JobQueue

/// Several servers on one database: how they wake each other, and how they share.
@Suite(.timeLimit(.minutes(2))) struct QueueServersTests {
    private static let quiet: ExecutorLimits = {
        var limits = ExecutorLimits()
        limits.pollSeconds = 3600
        limits.slots = 3
        return limits
    }()

    private func executor(
        _ line: Line, _ name: String, limits: ExecutorLimits = quiet, _ handler: @escaping Executor.Handler
    ) -> Executor {
        Executor(
            database: line.database, queue: TaskQueue(time: line.time, limits: line.queue.limits),
            worker: WorkerIdentity(host: name, bootID: "b", pid: 1, startTicks: 1), kinds: ["work"], limits: limits,
            handler: handler)
    }

    @Test(arguments: Backend.allCases)
    func `servers on one database run each task once between them`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            let tasks = (0..<90).map { line.task("t\($0)", key: "k\($0 % 7)") }
            _ = try await line.write { try await line.queue.enqueue(tasks, in: $0) }
            let runs = Mutex<[String]>([])
            let all = Latch()
            let servers = (0..<3).map { number in
                executor(line, "s\(number)") { claim, _ in
                    let settled = try? await line.write { try await line.queue.complete(claim, in: $0) }
                    #expect(settled == true)
                    let count = runs.withLock { runs in
                        runs.append(claim.taskID)
                        return runs.count
                    }
                    if count == 90 { all.open() }
                }
            }
            for server in servers { server.start() }
            await all.wait()
            for server in servers { await server.shutdown(graceSeconds: 10) }
            #expect(Set(runs.withLock { $0 }) == Set(tasks.map(\.taskID)))
            #expect(runs.withLock { $0.count } == 90)
        }
    }

    @Test func `what is committed at one server wakes the workers of another`() async throws {
        let time = ManualTime()
        try await withPostgres(time: time) { database, address in
            let line = Line(database: database, time: time, queue: TaskQueue(time: time))
            let other = try await PostgresDatabase.open(address, loops: PostgresServer.loops, time: time)
            let done = Latch()
            let worker = executor(line, "worker") { claim, _ in
                _ = try? await line.write { try await line.queue.complete(claim, in: $0) }
                done.open()
            }
            let (listener, signals) = PostgresListener.stream(
                address, channels: ["cadenza_queue"], loop: PostgresServer.loops[0])
            var heard = signals.makeAsyncIterator()
            #expect(await heard.next() == .listening)
            worker.start()
            let broadcast = WakeBroadcast(pauseSeconds: 0) {
                try await other.write(batch: [DatabaseStatement("SELECT pg_notify('cadenza_queue', 'from-other')")])
            }
            try await other.write { connection in
                try await line.queue.enqueue(line.task("t"), in: connection)
                connection.afterCommit { broadcast.raise() }
            }
            #expect(await heard.next() == .notice(channel: "cadenza_queue", payload: "from-other"))
            worker.wake()
            await done.wait()
            #expect(try await line.state("t") == "completed")
            await broadcast.close()
            listener.close()
            await worker.shutdown(graceSeconds: 10)
            await other.close()
        }
    }

    @Test func `a thousand wake-ups while one is being told make one more`() async {
        let entered = Latch()
        let release = Latch()
        let count = Mutex(0)
        let broadcast = WakeBroadcast(pauseSeconds: 0) {
            count.withLock { $0 += 1 }
            entered.open()
            await release.wait()
        }
        broadcast.raise()
        await entered.wait()
        for _ in 0..<1000 {
            broadcast.raise()
            // Lets others run, if there are any.
            await Task.yield()
        }
        release.open()
        await broadcast.close()
        #expect(count.withLock { $0 } == 2)
        broadcast.raise()
        await broadcast.close()
        #expect(count.withLock { $0 } == 2, "nothing is told after the close")
    }

    @Test func `a notice that cannot be told is reported, and the next one is told`() async {
        let told = Mutex<[String]>([])
        let failed = Latch()
        let broadcast = WakeBroadcast(pauseSeconds: 0) {
            let isFirst = told.withLock { told in
                told.append("try")
                return told.count == 1
            }
            if isFirst { throw DatabaseError.connectionLost }
        } failed: { error in
            #expect(error as? DatabaseError == .connectionLost)
            failed.open()
        }
        broadcast.raise()
        await failed.wait()
        broadcast.raise()
        await broadcast.close()
        #expect(told.withLock { $0.count } == 2)
    }

    /// The plan that the server keeps for a statement, in lines.
    private func plan(
        _ sql: String, types: [String], values: [String], isSteady: Bool = true, _ database: any SQLDatabase
    ) async throws -> [String] {
        let name = "p\(UInt32.random(in: .min ... .max))"
        return try await database.write { connection in
            if isSteady { _ = try await connection.query(QueueStatements.steadyPlan, []) }
            try await connection.executeScript("PREPARE \(name) (\(types.joined(separator: ", "))) AS \(sql)")
            let rows = try await connection.query("EXPLAIN EXECUTE \(name)(\(values.joined(separator: ", ")))", [])
            return try rows.map { try $0.text("QUERY PLAN") }
        }
    }

    @Test func `neither a claim nor an ending ever reads the whole table, whatever the statistics say`() async throws {
        let time = ManualTime()
        try await withPostgres(time: time) { database, _ in
            let kept = """
                INSERT INTO queue_tasks (id, kind, fairness_key, priority, payload, state, run_at, attempt, created_at,
                    ended_at)
                SELECT 'old' || n, 'work', 'k' || n % 50, 0, '', 'completed', 1, 1, 1, 1
                FROM generate_series(1, 20000) n
                """
            let waiting = """
                INSERT INTO queue_tasks (id, kind, fairness_key, priority, payload, state, run_at, created_at)
                SELECT 't' || n, 'work', 'k' || n % 50, 0, '', 'queued', 1, 1 FROM generate_series(1, 500) n
                """
            for preparation in [nil, kept, "ANALYZE", waiting, "ANALYZE"] {
                if let preparation { try await database.write { try await $0.executeScript(preparation) } }
                let claim = try await plan(
                    QueueStatements.claim(kindCount: 1),
                    types: [
                        "int8", "int8", "int8", "text", "text", "text", "text", "int8", "int8", "int8", "text",
                    ],
                    values: ["10", "2", "20", "'c'", "'h'", "'b'", "'n'", "1", "1", "99", "'work'"], database)
                let end = try await plan(
                    QueueStatements.end(.postgres), types: ["text", "text", "text", "int8"],
                    values: ["'[\"a\"]'", "'[\"b\"]'", "'completed'", "5"], database)
                let sweep = try await plan(
                    QueueStatements.removeEnded(.postgres), types: ["int8", "int8"], values: ["5", "100"], database)
                for line in claim + end + sweep {
                    #expect(!line.contains("Seq Scan on queue_tasks"), "\(line) after \(preparation ?? "nothing")")
                    #expect(!line.contains("Seq Scan on queue_keys"), "\(line) after \(preparation ?? "nothing")")
                }
                #expect(claim.contains { $0.contains("using queue_tasks_waiting on queue_tasks h") })
                // What is known by its name is fetched by its name.
                for line in claim where line.contains(" on queue_tasks q") && line.contains("Scan") {
                    #expect(line.contains("queue_tasks_pkey"), "\(line) after \(preparation ?? "nothing")")
                }
                for line in end where line.contains("Scan") && line.contains(" on queue_tasks") {
                    #expect(line.contains("queue_tasks_pkey"), "\(line) after \(preparation ?? "nothing")")
                }
            }
        }
    }
}
