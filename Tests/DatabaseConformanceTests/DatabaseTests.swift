import Core
import Database
import SQLite
import Support
import Testing

@Suite struct DatabaseTests {
    @Test(arguments: Backend.allCases)
    func `values come back as they were bound, by the number of their placeholder`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            let row = try await database.read { connection in
                try await connection.query(
                    "SELECT CAST($2 AS BIGINT) AS whole, CAST($1 AS TEXT) AS words, CAST($1 AS TEXT) AS again",
                    [.text("grüße 🎵"), .integer(.min)])
            }.first
            let found = try #require(row)
            #expect(try found.integer("whole") == .min)
            #expect(try found.text("words") == "grüße 🎵")
            #expect(try found.text("again") == "grüße 🎵")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a missing column and a wrong type are misuse`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            let rows = try await database.read { try await $0.query("SELECT 1 AS one", []) }
            let row = try #require(rows.first)
            #expect(throws: DatabaseError.misuse("no column two")) { try row.integer("two") }
            #expect(throws: DatabaseError.misuse("one is no text")) { try row.text("one") }
            #expect(try row.bool("one"))
        }
    }

    @Test(arguments: Backend.allCases)
    func `arguments and placeholders must match`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            for arguments: [DatabaseValue] in [[], [.integer(1), .integer(2)]] {
                await #expect(throws: DatabaseError.self) {
                    try await database.read { try await $0.query("SELECT CAST($1 AS BIGINT) AS one", arguments) }
                }
            }
            await #expect(throws: DatabaseError.self) {
                try await database.write { try await $0.execute("DELETE FROM queue_keys; DELETE FROM queue_keys", []) }
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a throwing body leaves nothing behind and drops its after-commit actions`(_ backend: Backend) async throws {
        struct Refusal: Error {}
        try await backend.withDatabase { database in
            let flag = CancellationFlag()
            await #expect(throws: Refusal.self) {
                try await database.write { connection in
                    try await addKey("a", connection)
                    connection.afterCommit { flag.raise() }
                    throw Refusal()
                }
            }
            #expect(!flag.isRaised)
            #expect(try await keys(database) == [])
            try await database.write { connection in
                try await addKey("b", connection)
                connection.afterCommit { flag.raise() }
                #expect(!flag.isRaised)
            }
            #expect(flag.isRaised)
            #expect(try await keys(database) == ["b"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a failed statement dooms its transaction even when the body swallows the error`(
        _ backend: Backend
    ) async throws {
        try await backend.withDatabase { database in
            await #expect {
                try await database.write { connection in
                    try await addKey("a", connection)
                    try? await addKey("a", connection)
                }
            } throws: { error in
                guard case .constraintViolation(.unique, _) = error as? DatabaseError else { return false }
                return true
            }
            let found = try await keys(database)
            #expect(found == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a read cannot change anything and sees one snapshot`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            await #expect(throws: DatabaseError.readOnly) {
                try await database.read { try await addKey("a", $0) }
            }
            let seen = try await database.read { connection in
                let before = try await connection.query("SELECT fairness_key FROM queue_keys", []).count
                // Another task, since a transaction inside this one is refused.
                try await Task.detached { try await database.write { try await addKey("b", $0) } }.value
                return (before, try await connection.query("SELECT fairness_key FROM queue_keys", []).count)
            }
            #expect(seen == (0, 0))
            #expect(try await keys(database) == ["b"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a batch answers each statement in turn, inside a transaction and as one`(_ backend: Backend) async throws {
        let batch = [
            DatabaseStatement(
                "INSERT INTO queue_keys (fairness_key, turn) VALUES ($1, 1), ($2, 2)", [.text("a"), .text("b")]),
            DatabaseStatement("SELECT fairness_key, turn FROM queue_keys ORDER BY turn"),
            DatabaseStatement("UPDATE queue_keys SET turn = 3 WHERE turn = $1", [.integer(9)]),
            DatabaseStatement("DELETE FROM queue_keys RETURNING turn"),
        ]
        try await backend.withDatabase { database in
            for answers in [
                try await database.write(batch: batch), try await database.write { try await $0.batch(batch) },
            ] {
                #expect(answers.map(\.changedCount) == [2, 0, 0, 2])
                #expect(answers.map(\.rows.count) == [0, 2, 0, 2])
                #expect(try answers[1].rows.map { try $0.text("fairness_key") } == ["a", "b"])
            }
            let none = try await database.write(batch: [])
            #expect(none.isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a batch that fails leaves nothing, and a read's changes nothing`(_ backend: Backend) async throws {
        let insert = DatabaseStatement("INSERT INTO queue_keys (fairness_key, turn) VALUES ('a', 1)")
        try await backend.withDatabase { database in
            for batch in [[insert, insert], [insert, DatabaseStatement("SELECT nothing")]] {
                await #expect(throws: DatabaseError.self) { try await database.write(batch: batch) }
                await #expect(throws: DatabaseError.self) { try await database.write { try await $0.batch(batch) } }
            }
            await #expect(throws: DatabaseError.readOnly) { try await database.read(batch: [insert]) }
            await #expect(throws: DatabaseError.misuse("a transaction inside another")) {
                try await database.write { _ in try await database.write(batch: [insert]) }
            }
            let found = try await keys(database)
            #expect(found == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a cancelled task carries its transaction to the end`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            let entered = Latch()
            let leave = Latch()
            let task = Task {
                try await database.write { connection in
                    try await addKey("a", connection)
                    entered.open()
                    await leave.wait()
                    try await addKey("b", connection)
                }
            }
            await entered.wait()
            task.cancel()
            leave.open()
            try await task.value
            #expect(try await keys(database) == ["a", "b"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a transaction inside another is refused instead of deadlocking`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            await #expect(throws: DatabaseError.misuse("a transaction inside another")) {
                try await database.write { _ in try await database.write { try await addKey("a", $0) } }
            }
            let found = try await keys(database)
            #expect(found == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a connection that escaped its closure is dead`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            let escaped = try await database.write { $0 }
            await #expect(throws: DatabaseError.misuse("the transaction is over")) { try await addKey("a", escaped) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a hundred concurrent writers and readers lose no update`(_ backend: Backend) async throws {
        try await backend.withDatabase { database in
            try await database.write { try await addKey("n", $0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await database.write { connection in
                            let lock = connection.dialect == .postgres ? " FOR UPDATE" : ""
                            let rows = try await connection.query("SELECT turn FROM queue_keys" + lock, [])
                            let turn = try rows[0].integer("turn") + 1
                            _ = try await connection.execute("UPDATE queue_keys SET turn = $1", [.integer(turn)])
                        }
                    }
                    group.addTask { _ = try await keys(database) }
                }
                try await group.waitForAll()
            }
            let rows = try await database.read { try await $0.query("SELECT turn FROM queue_keys", []) }
            #expect(try rows[0].integer("turn") == 100)
        }
    }

    private func addKey(_ key: String, _ connection: any DatabaseConnection) async throws {
        _ = try await connection.execute(
            "INSERT INTO queue_keys (fairness_key, turn) VALUES ($1, 0)", [.text(key)])
    }

    private func keys(_ database: any SQLDatabase) async throws -> [String] {
        try await database.read { connection in
            try await connection.query("SELECT fairness_key FROM queue_keys ORDER BY 1", []).map {
                try $0.text("fairness_key")
            }
        }
    }
}
