import Core
import Database
import Support
import Testing

@testable import JobQueue

/// A claim costs what it takes, however much waits beside it that may not run.
@Suite(.timeLimit(.minutes(2))) struct QueueFlatTests {
    /// Tasks of a paused kind, of a kind that nobody here serves, and of a later time: some of the key that is served,
    /// others of keys of their own, all of a higher priority.
    private static func beside(_ dialect: SQLDialect, count: Int) -> String {
        let numbers =
            switch dialect {
            case .sqlite:
                "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < \(count)) SELECT n FROM s"
            case .postgres: "SELECT n FROM generate_series(1, \(count)) n"
            }
        return """
            INSERT INTO queue_tasks (id, kind, fairness_key, priority, payload, state, run_at, is_due, created_at)
            SELECT 'beside' || n, CASE n % 3 WHEN 0 THEN 'paused' WHEN 1 THEN 'foreign' ELSE 'work' END,
                CASE WHEN n % 2 = 0 THEN 'a' ELSE 'k' || n END, 5, '', 'queued',
                CASE n % 3 WHEN 2 THEN 9000000000000 ELSE 1 END, CASE n % 3 WHEN 2 THEN 0 ELSE 1 END, 1
            FROM (\(numbers)) m
            """
    }

    @Test(arguments: Backend.allCases)
    func `a claim passes by a hundred thousand tasks that may not run`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            _ = try await line.write { try await line.queue.pause(kind: "paused", in: $0) }
            for number in 0..<4 { try await line.add("t\(number)", key: number < 2 ? "a" : "b") }
            let before = try await cost(line)
            try await line.write { try await $0.executeScript(Self.beside(backend.dialect, count: 100_000)) }
            try await line.write { try await $0.executeScript("ANALYZE") }
            let after = try await cost(line)
            // Deeper indexes have a page more on each way down; walking past the tasks would be thousands.
            #expect(after <= 2 * before + 50, "\(before) before, \(after) after")
            #expect(try await line.claim(9, kinds: ["work", "paused"]).map(\.taskID) == ["t0", "t2", "t1", "t3"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what is put off is claimed when its time has come, in its place`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.manyRunning) { line in
            let tasks = (0..<2500).map { number in
                NewTask(
                    "t\(number)", kind: "work", fairnessKey: "a", payload: "",
                    runAt: line.time.now().adding(seconds: 1 + Double(number) / 1000))
            }
            _ = try await line.write { try await line.queue.enqueue(tasks, in: $0) }
            try await line.add("now")
            #expect(try await line.names(10) == ["now"])
            line.time.advance(seconds: 1.001)
            #expect(try await line.names(10) == ["t0", "t1"])
            line.time.advance(seconds: 10)
            #expect(try await line.names(3) == ["t2", "t3", "t4"])
            var rest = 0
            while true {
                let count = try await line.names(3000).count
                if count == 0 { break }
                rest += count
            }
            #expect(rest == 2495)
        }
    }

    /// Pages that a claim looks at on Postgres; on SQLite, which does not tell, what its plan searches without bounds.
    private func cost(_ line: Line) async throws -> Int {
        switch line.database.dialect {
        case .sqlite:
            let plan = try await line.database.read { connection in
                try await connection.query(
                    "EXPLAIN QUERY PLAN " + QueueStatements.candidates(kindCount: 2),
                    [.integer(1), .integer(1), .integer(1), .text("work"), .text("paused")])
            }.map { try $0.text("detail") }
            #expect(plan.contains { $0.contains("h USING INDEX queue_tasks_waiting (kind=? AND fairness_key=?)") })
            let next = "n USING INDEX queue_tasks_waiting (kind=? AND fairness_key>?)"
            #expect(plan.contains { $0.contains(next) }, "\(plan)")
            let unbound = plan.filter { $0.contains("SCAN") && !$0.contains("SCAN c") && !$0.contains("SCAN w") }
            return unbound.filter { ["SCAN h", "SCAN n", "SCAN t", "SCAN x"].contains($0) }.count * 1000
        case .postgres:
            let name = "p\(UInt32.random(in: .min ... .max))"
            struct Undo: Error { var pages: Int }
            do {
                try await line.write { connection in
                    _ = try await connection.query(QueueStatements.steadyPlan, [])
                    let types = "int8, int8, int8, text, text, text, text, int8, int8, int8, text, text"
                    try await connection.executeScript(
                        "PREPARE \(name) (\(types)) AS \(QueueStatements.claim(kindCount: 2))")
                    let now = line.time.now().milliseconds
                    let arguments = "\(now), 10, 4, 'c', 'h', 'b', 'n', 1, 1, 99, 'work', 'paused'"
                    let rows = try await connection.query(
                        "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE \(name)(\(arguments))", [])
                    let buffers = try rows.map { try $0.text("QUERY PLAN") }.first { $0.contains("Buffers:") } ?? ""
                    let counts = buffers.split(separator: " ").filter { $0.contains("=") }
                    throw Undo(pages: counts.prefix(2).compactMap { Int($0.split(separator: "=")[1]) }.reduce(0, +))
                }
            } catch let undo as Undo {
                return undo.pages
            }
            return 0
        }
    }
}

extension Backend {
    fileprivate var dialect: SQLDialect { self == .sqlite ? .sqlite : .postgres }
}
