import Core
import Database
import Postgres
import Reactor
import Support
import Testing

/// Reads that are sent whole may go out behind others on one connection.
@Suite(.timeLimit(.minutes(2))) struct PostgresSharingTests {
    private static func limits(_ change: (inout PostgresLimits) -> Void) -> PostgresLimits {
        var limits = PostgresLimits()
        change(&limits)
        return limits
    }

    /// Runs `body` on the loop of the database's connections, as a request's handler does.
    private func withLoop<Value: Sendable>(
        _ limits: PostgresLimits, _ body: @Sendable (PostgresDatabase, PostgresAddress) async throws -> Value
    ) async throws -> Value {
        try await withPostgres { _, address in
            let loop = try EventLoop(name: "sharing")
            defer { loop.stop() }
            let database = try await PostgresDatabase.open(address, loops: [loop], time: ManualTime(), limits: limits)
            let result: Result<Value, any Error>
            do {
                result = .success(
                    try await withTaskExecutorPreference(loop) { try await body(database, address) })
            } catch {
                result = .failure(error)
            }
            await database.close()
            return try result.get()
        }
    }

    private static func number(_ sql: String, _ database: PostgresDatabase) async throws -> Int64 {
        try await database.read(batch: [DatabaseStatement("SELECT \(sql) AS n")])[0].rows[0].integer("n")
    }

    @Test func `more reads than connections need not wait for each other's answers`() async throws {
        // Nobody may wait for a connection here.
        let limits = Self.limits {
            $0.connectionsMax = 1
            $0.waitersMax = 0
            $0.sharersMax = 16
        }
        try await withLoop(limits) { database, _ in
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 1...16 { group.addTask { try await Self.number("\(number)::bigint", database) } }
                return try await group.reduce(0, +)
            }
            #expect(sum == 136)
            #expect(database.connectionCount == 1)
        }
    }

    @Test func `one connection has no more reads under way than it may`() async throws {
        let limits = Self.limits {
            $0.connectionsMax = 1
            $0.waitersMax = 0
            $0.sharersMax = 3
        }
        try await withLoop(limits) { database, _ in
            let refused = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        do {
                            _ = try await Self.number("1", database)
                            return false
                        } catch {
                            #expect(error as? DatabaseError == .busy)
                            return true
                        }
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(refused == 2)
        }
    }

    @Test func `a read that fails takes none with it that was sent behind it`() async throws {
        let limits = Self.limits { $0.connectionsMax = 1 }
        try await withLoop(limits) { database, _ in
            let (sum, failed) = await withTaskGroup(of: Int64?.self) { group in
                for number in Int64(1)...20 {
                    group.addTask {
                        let sql = number % 4 == 0 ? "1 / (\(number) - \(number))" : "\(number)::bigint"
                        do { return try await Self.number(sql, database) } catch {
                            #expect(number % 4 == 0, "\(number): \(error)")
                            return nil
                        }
                    }
                }
                return await group.reduce((0, 0)) { ($0.0 + ($1 ?? 0), $0.1 + ($1 == nil ? 1 : 0)) }
            }
            #expect(sum == 210 - 60)
            #expect(failed == 5)
            #expect(database.connectionCount == 1)
        }
    }

    @Test func `none is put behind a read that takes long while a connection is free`() async throws {
        let limits = Self.limits {
            $0.connectionsMax = 2
            $0.sharedSessionsPerLoop = 1
        }
        try await withLoop(limits) { database, address in
            // Both connections are made: two transactions at once need them.
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (first, second) = (Latch(), Latch())
                group.addTask {
                    try await database.read { _ in
                        first.open(); await second.wait()
                    }
                }
                group.addTask {
                    try await database.read { _ in
                        second.open(); await first.wait()
                    }
                }
                try await group.waitForAll()
            }
            let other = try await PostgresDatabase.open(
                address, loops: PostgresServer.loops, time: ManualTime(), limits: .unhurried)
            let (locked, leave) = (Latch(), Latch())
            async let holder: Void = other.write { connection in
                _ = try await connection.query("SELECT pg_advisory_xact_lock(1)::TEXT AS n", [])
                locked.open()
                await leave.wait()
            }
            await locked.wait()
            async let long = Self.number("length(pg_advisory_xact_lock_shared(1)::TEXT)::bigint", database)
            let waiting = "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
            while try await Self.number(waiting, other) == 0 { await Task.yield() }
            let since = monotonicNanoseconds()
            while monotonicNanoseconds() < since + 10_000_000 { await Task.yield() }
            // Would wait for ever behind the long one.
            #expect(try await Self.number("7::bigint", database) == 7)
            leave.open()
            #expect(try await long == 0)
            try await holder
            await other.close()
        }
    }
}
