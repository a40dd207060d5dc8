import Core
import Database
import Postgres
import Support
import Synchronization
import Testing

/// What happened, in order.
private final class Diary<Entry: Sendable>: Sendable {
    private let entries = Mutex<[Entry]>([])

    func write(_ entry: Entry) { entries.withLock { $0.append(entry) } }

    var all: [Entry] { entries.withLock { $0 } }
}

@Suite(.timeLimit(.minutes(2))) struct PostgresDatabaseTests {
    private static func limits(_ change: (inout PostgresLimits) -> Void) -> PostgresLimits {
        var limits = PostgresLimits()
        change(&limits)
        return limits
    }

    private static let one = limits { $0.connectionsMax = 1 }

    private func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { await Task.yield() }
    }

    private func addKey(_ key: String, _ connection: any DatabaseConnection) async throws {
        _ = try await connection.execute("INSERT INTO queue_keys (fairness_key, turn) VALUES ($1, 0)", [.text(key)])
    }

    private func keys(_ database: any SQLDatabase) async throws -> [String] {
        try await database.read { connection in
            try await connection.query("SELECT fairness_key FROM queue_keys ORDER BY 1", []).map {
                try $0.text("fairness_key")
            }
        }
    }

    private func integer(_ sql: String, _ database: any SQLDatabase) async throws -> Int64 {
        try await database.read { try await $0.query(sql, [])[0].integer("n") }
    }

    // MARK: The pool

    @Test(arguments: [1, 3])
    func `a pool has no more connections than its bound, and lends them in the order of the callers`(
        _ connections: Int
    ) async throws {
        try await withPostgres(limits: Self.limits { $0.connectionsMax = connections }) { database, _ in
            let leave = Latch()
            let order = Diary<Int>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                let entered = (0..<connections).map { _ in Latch() }
                for latch in entered {
                    group.addTask {
                        try await database.write { _ in
                            latch.open()
                            await leave.wait()
                        }
                    }
                }
                for latch in entered { await latch.wait() }
                for number in 0..<10 {
                    group.addTask {
                        try await database.write { connection in
                            order.write(number)
                            try await addKey("k\(number)", connection)
                        }
                    }
                    try await until { database.waitingCount == number + 1 }
                }
                #expect(database.connectionCount == connections)
                leave.open()
                try await group.waitForAll()
            }
            // Several at a time may overtake each other once they have begun.
            #expect(connections > 1 || order.all == Array(0..<10), "\(order.all)")
            let sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
            #expect(try await integer(sql, database) == connections)
        }
    }

    @Test func `who waits too long, or finds too many waiting, gets busy`() async throws {
        let limits = Self.limits {
            $0.connectionsMax = 1
            $0.waitSeconds = 0.05
            $0.waitersMax = 1
        }
        try await withPostgres(limits: limits) { database, _ in
            let entered = Latch()
            let leave = Latch()
            async let first: Void = database.write { _ in
                entered.open()
                await leave.wait()
            }
            await entered.wait()
            let second = Task { try await database.write { _ in } }
            try await until { database.waitingCount == 1 }
            await #expect(throws: DatabaseError.busy) { try await database.write { _ in } }
            await #expect(throws: DatabaseError.busy) { try await second.value }
            leave.open()
            try await first
            try await database.write { try await addKey("a", $0) }
        }
    }

    @Test func `a server that refuses connections is told as unreachable, and found again`() async throws {
        let limits = Self.limits {
            $0.waitSeconds = 0.3
            $0.backoffSecondsMax = 0.05
        }
        try await withPostgres(limits: limits) { database, _ in
            let name = try await database.read { try await $0.query("SELECT current_database() AS n", [])[0].text("n") }
            try await PostgresServer.run([
                "ALTER DATABASE \(name) ALLOW_CONNECTIONS false",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'",
            ])
            try await until { database.connectionCount == 0 }
            await #expect {
                try await database.write { try await addKey("a", $0) }
            } throws: { error in
                guard case .unreachable(let reason) = error as? DatabaseError else { return false }
                return reason.contains("not currently accepting connections")
            }
            try await PostgresServer.run(["ALTER DATABASE \(name) ALLOW_CONNECTIONS true"])
            try await database.write { try await addKey("b", $0) }
            let found = try await keys(database)
            #expect(found == ["b"])
        }
    }

    @Test func `a closed database refuses, waits for what is under way, and closes again quietly`() async throws {
        try await withPostgres { database, address in
            let other = try await PostgresDatabase.open(address, loops: PostgresServer.loops, time: ManualTime())
            let entered = Latch()
            let leave = Latch()
            async let first: Void = other.write { connection in
                entered.open()
                await leave.wait()
                try await addKey("a", connection)
            }
            await entered.wait()
            async let closed: Void = other.close()
            try await until {
                do {
                    try await other.read { _ in }
                    return false
                } catch {
                    return error as? DatabaseError == .closed
                }
            }
            leave.open()
            try await first
            await closed
            await other.close()
            let found = try await keys(database)
            #expect(found == ["a"])
            try await until { other.connectionCount == 0 }
        }
    }

    // MARK: Lost connections

    @Test func `a transaction whose connection is ended fails, leaves nothing, and the next one works`() async throws {
        try await withPostgres(limits: Self.one) { database, _ in
            await #expect(throws: DatabaseError.connectionLost) {
                try await database.write { connection in
                    let pid = try await connection.query("SELECT pg_backend_pid() AS n", [])[0].integer("n")
                    try await addKey("a", connection)
                    try await PostgresServer.run(["SELECT pg_terminate_backend(\(pid))"])
                    try await addKey("b", connection)
                }
            }
            try await database.write { try await addKey("c", $0) }
            let found = try await keys(database)
            #expect(found == ["c"])
        }
    }

    @Test func `a connection that was ended while idle is replaced without a failure`() async throws {
        try await withPostgres(limits: Self.one) { database, _ in
            for round in 0..<5 {
                let pid = try await integer("SELECT pg_backend_pid() AS n", database)
                try await PostgresServer.run(["SELECT pg_terminate_backend(\(pid))"])
                try await database.write { try await addKey("k\(round)", $0) }
            }
            #expect(try await keys(database).count == 5)
        }
    }

    /// A commit that waits for an advisory lock of ours: what is asked for and not answered can be had at leisure.
    private static let slowCommit = """
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON queue_keys DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION wait();
        """
    private static let waiting = """
        SELECT count(*) AS n FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query = 'COMMIT'
        """

    @Test(arguments: [false, true])
    func `a commit whose connection is ended is told as unknown and not tried again`(_ isBatch: Bool) async throws {
        try await withPostgres { database, _ in
            try await database.write { try await $0.executeScript(Self.slowCommit) }
            let runs = Diary<Bool>()
            try await database.write { blocker in
                _ = try await blocker.query("SELECT pg_advisory_xact_lock(77)", [])
                let outcome = Task.detached {
                    if isBatch {
                        try await database.write(batch: [
                            DatabaseStatement("INSERT INTO queue_keys VALUES ($1, 0)", [.text("a")])
                        ])
                    } else {
                        try await database.write { connection in
                            runs.write(true)
                            try await addKey("a", connection)
                        }
                    }
                }
                // A transaction sees the activity of one moment only.
                try await until { try await Task.detached { try await integer(Self.waiting, database) }.value == 1 }
                _ = try await blocker.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'COMMIT'"
                        + " AND datname = current_database() AND pid <> pg_backend_pid()", [])
                await #expect(throws: DatabaseError.outcomeUnknown) { try await outcome.value }
            }
            #expect(runs.all.count == (isBatch ? 0 : 1))
        }
    }

    @Test func `a server that falls silent during a commit is given up, and what it did is not repeated`() async throws
    {
        // The server's own limit of 60 s is far; this side has enough of the silence after 0.1 s.
        let limits = Self.limits {
            $0.statementSeconds = 60
            $0.answerMarginSeconds = -59.9
        }
        try await withPostgres { database, address in
            try await database.write { try await $0.executeScript(Self.slowCommit) }
            let hasty = try await PostgresDatabase.open(
                address, loops: PostgresServer.loops, time: ManualTime(), limits: limits)
            try await database.write { blocker in
                _ = try await blocker.query("SELECT pg_advisory_xact_lock(77)", [])
                await #expect(throws: DatabaseError.outcomeUnknown) {
                    try await hasty.write { try await addKey("a", $0) }
                }
            }
            // The blocker is gone: the commit goes through, once, and nobody was told.
            try await until { try await keys(database) == ["a"] }
            await hasty.close()
        }
    }

    // MARK: Conflicts

    @Test func `deadlocked transactions are run again until both have succeeded`() async throws {
        try await withPostgres { database, _ in
            try await database.write { connection in
                for key in ["a", "b"] { try await addKey(key, connection) }
            }
            let runs = Diary<Bool>()
            let both = [Latch(), Latch()]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, keys) in [["a", "b"], ["b", "a"]].enumerated() {
                    group.addTask {
                        try await database.write { connection in
                            runs.write(true)
                            for key in keys {
                                _ = try await connection.execute(
                                    "UPDATE queue_keys SET turn = turn + 1 WHERE fairness_key = $1", [.text(key)])
                                both[index].open()
                                await both[1 - index].wait()
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(runs.all.count > 2)
            #expect(try await integer("SELECT CAST(sum(turn) AS bigint) AS n FROM queue_keys", database) == 4)
        }
    }

    @Test func `a statement that a migration has outdated is prepared anew`() async throws {
        try await withPostgres(limits: Self.one) { database, address in
            let other = try await PostgresDatabase.open(address, loops: PostgresServer.loops, time: ManualTime())
            try await database.write { try await addKey("a", $0) }
            for column in ["one", "two"] {
                _ = try await database.read { try await $0.query("SELECT * FROM queue_keys", []) }
                try await other.write {
                    try await $0.executeScript("ALTER TABLE queue_keys ADD COLUMN \(column) bigint DEFAULT 7")
                }
                let row = try await database.read { try await $0.query("SELECT * FROM queue_keys", [])[0] }
                #expect(try row.integer(column) == 7)
                let answers = try await database.read(batch: [DatabaseStatement("SELECT * FROM queue_keys")])
                #expect(try answers[0].rows[0].integer(column) == 7)
            }
            await other.close()
        }
    }

    // MARK: Limits of the server

    @Test func `a statement that takes too long is ended and told as a timeout`() async throws {
        let limits = Self.limits { $0.statementSeconds = 0.05 }
        try await withPostgres(limits: limits) { database, _ in
            await #expect(throws: DatabaseError.timeout) {
                try await database.read { _ = try await $0.query("SELECT pg_sleep(60)", []) }
            }
            let still = try await integer("SELECT 1 AS n", database)
            #expect(still == 1)
        }
    }

    @Test func `a wait for a lock that takes too long is told as busy`() async throws {
        let limits = Self.limits { $0.lockSeconds = 0.05 }
        try await withPostgres(limits: limits) { database, _ in
            try await database.write { try await addKey("a", $0) }
            try await database.write { connection in
                _ = try await connection.query("SELECT turn FROM queue_keys FOR UPDATE", [])
                await #expect(throws: DatabaseError.busy) {
                    try await Task.detached {
                        try await database.write { _ = try await $0.execute("UPDATE queue_keys SET turn = 1", []) }
                    }.value
                }
            }
        }
    }

    @Test func `a transaction that does nothing for too long is ended by the server`() async throws {
        let limits = Self.limits { $0.idleInTransactionSeconds = 0.05 }
        try await withPostgres(limits: limits) { database, _ in
            await #expect(throws: DatabaseError.timeout) {
                try await database.write { connection in
                    try await addKey("a", connection)
                    try await until { database.connectionCount == 0 }
                    try await addKey("b", connection)
                }
            }
            let found = try await keys(database)
            #expect(found == [])
        }
    }

    @Test func `an answer of more rows or bytes than the limit is refused`() async throws {
        let limits = Self.limits {
            $0.rowsMax = 10
            $0.answerBytesMax = 4 << 20
        }
        try await withPostgres(limits: limits) { database, _ in
            let sql = "SELECT n FROM generate_series(1, $1) AS n"
            let rows = try await database.read { try await $0.query(sql, [.integer(10)]) }
            #expect(rows.count == 10)
            await #expect(throws: DatabaseError.misuse("more than 10 rows")) {
                try await database.read { try await $0.query(sql, [.integer(11)]) }
            }
            await #expect(throws: DatabaseError.misuse("an answer of more than 4194304 bytes")) {
                try await database.read { _ = try await $0.query("SELECT repeat('x', 100000000) AS long", []) }
            }
            let still = try await integer("SELECT 1 AS n", database)
            #expect(still == 1)
        }
    }
}
