import Core
import Database
import Glibc
import SQLite
import Support
import Testing

@Suite struct SQLiteDatabaseTests {
    @Test func `the file and its log belong to their owner alone`() async throws {
        try await withSQLite { database, directory in
            try await database.migrate()
            for name in ["test.db", "test.db-wal"] {
                var status = stat()
                #expect(stat(directory.path(name), &status) == 0)
                #expect(status.st_mode & 0o777 == 0o600)
            }
        }
    }

    @Test func `a full file is told as full and loses nothing`() async throws {
        try await withSQLite { database, _ in
            try await database.write { connection in
                try await connection.executeScript("CREATE TABLE box (content TEXT); PRAGMA max_page_count = 20")
            }
            let content = String(repeating: "x", count: 200_000)
            await #expect(throws: DatabaseError.full) {
                try await database.write { connection in
                    _ = try await connection.execute("INSERT INTO box VALUES ('small')", [])
                    _ = try await connection.execute("INSERT INTO box VALUES ($1)", [.text(content)])
                }
            }
            #expect(try await count("box", database) == 0)
            try await database.write { _ = try await $0.execute("INSERT INTO box VALUES ('small')", []) }
            #expect(try await count("box", database) == 1)
        }
    }

    @Test func `a file that is no database is told as corrupt`() throws {
        let directory = TemporaryDirectory()
        let file = try #require(fopen(directory.path("test.db"), "w"))
        fputs(String(repeating: "no database at all. ", count: 100), file)
        fclose(file)
        #expect(throws: DatabaseError.corrupt) {
            _ = try SQLiteDatabase(path: directory.path("test.db"), time: ManualTime())
        }
    }

    @Test func `another process's writer is waited for, then told as busy`() async throws {
        var limits = SQLiteLimits()
        limits.busySeconds = 0.05
        try await withSQLite(limits: limits) { database, directory in
            try await database.write { try await $0.executeScript("CREATE TABLE box (content TEXT)") }
            let other = try SQLiteDatabase(path: directory.path("test.db"), time: ManualTime(), limits: limits)
            try await database.write { _ in
                await #expect(throws: DatabaseError.busy) {
                    try await other.write { _ = try await $0.execute("INSERT INTO box VALUES ('b')", []) }
                }
            }
            try await other.write { _ = try await $0.execute("INSERT INTO box VALUES ('b')", []) }
            #expect(try await count("box", database) == 1)
            await other.close()
        }
    }

    @Test func `callers beyond the limit of waiters get busy`() async throws {
        var limits = SQLiteLimits()
        limits.waitersMax = 0
        try await withSQLite(limits: limits) { database, _ in
            let entered = Latch()
            let leave = Latch()
            async let first: Void = database.write { _ in
                entered.open()
                await leave.wait()
            }
            await entered.wait()
            await #expect(throws: DatabaseError.busy) { try await database.write { _ in } }
            leave.open()
            try await first
            try await database.write { _ in }
        }
    }

    @Test func `more rows than the limit are refused`() async throws {
        var limits = SQLiteLimits()
        limits.rowsMax = 10
        let sql = """
            WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < CAST($1 AS BIGINT))
            SELECT n FROM counter
            """
        try await withSQLite(limits: limits) { database, _ in
            let rows = try await database.read { try await $0.query(sql, [.integer(10)]) }
            #expect(rows.count == 10)
            await #expect(throws: DatabaseError.misuse("more than 10 rows")) {
                try await database.read { try await $0.query(sql, [.integer(11)]) }
            }
        }
    }

    @Test func `more statements than the cache holds still work`() async throws {
        var limits = SQLiteLimits()
        limits.statementsMax = 3
        try await withSQLite(limits: limits) { database, _ in
            try await database.read { connection in
                for round in 0..<2 {
                    for number in 0..<10 {
                        let rows = try await connection.query("SELECT \(number) AS n", [])
                        #expect(try rows[0].integer("n") == Int64(number), "round \(round)")
                    }
                }
            }
        }
    }

    @Test func `a database that died between statements reopens without the open transaction`() async throws {
        try await withSQLite { database, directory in
            try await database.write { connection in
                try await connection.executeScript("CREATE TABLE box (content TEXT)")
                _ = try await connection.execute("INSERT INTO box VALUES ('kept')", [])
            }
            try await database.write { connection in
                for _ in 0..<200 {
                    _ = try await connection.execute(
                        "INSERT INTO box VALUES ($1)", [.text(String(repeating: "x", count: 50_000))])
                }
                for suffix in ["", "-wal"] { directory.copy("test.db" + suffix, to: "crashed.db" + suffix) }
            }
            let crashed = try SQLiteDatabase(path: directory.path("crashed.db"), time: ManualTime())
            #expect(try await count("box", crashed) == 1)
            await crashed.close()
            #expect(try await count("box", database) == 201)
        }
    }

    @Test func `a closed database refuses and closes again quietly`() async throws {
        try await withSQLite { database, directory in
            await database.close()
            await #expect(throws: DatabaseError.closed) { try await database.read { _ in } }
            await #expect(throws: DatabaseError.closed) { try await database.write { _ in } }
            await database.close()
            #expect(access(directory.path("test.db-wal"), F_OK) != 0, "closing folds the log into the file")
        }
    }

    @Test func `an error never carries an argument`() async throws {
        try await withSQLite { database, _ in
            let sql = "CREATE TABLE box (content TEXT UNIQUE CHECK (content <> 'secret-b'), n INTEGER) STRICT"
            try await database.write { try await $0.executeScript(sql) }
            let bad: [[DatabaseValue]] = [[.text("secret-b"), .integer(1)], [.text("secret-a"), .text("secret-n")]]
            for arguments in bad {
                await #expect {
                    try await database.write {
                        _ = try await $0.execute("INSERT INTO box VALUES ($1, $2)", arguments)
                    }
                } throws: { error in
                    error is DatabaseError && !"\(error)".contains("secret-a") && !"\(error)".contains("secret-n")
                }
            }
        }
    }

    private func count(_ table: String, _ database: SQLiteDatabase) async throws -> Int64 {
        try await database.read { connection in
            try await connection.query("SELECT COUNT(*) AS n FROM \(table)", [])[0].integer("n")
        }
    }
}
