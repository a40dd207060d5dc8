import Core
import Database
import Postgres
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct PostgresStatementTests {
    private static let one: PostgresLimits = {
        var limits = PostgresLimits()
        limits.connectionsMax = 1
        return limits
    }()

    private func insert(_ key: String, turn: DatabaseValue = .integer(0)) -> DatabaseStatement {
        DatabaseStatement("INSERT INTO queue_keys (fairness_key, turn) VALUES ($1, $2)", [.text(key), turn])
    }

    private func keys(_ database: any SQLDatabase) async throws -> [String] {
        try await database.read(batch: [DatabaseStatement("SELECT fairness_key FROM queue_keys ORDER BY 1")])[0].rows
            .map { try $0.text("fairness_key") }
    }

    @Test func `values of the types that the schema uses come back, others are refused by name`() async throws {
        try await withPostgres(isMigrated: false) { database, _ in
            let row = try await database.read { connection in
                try await connection.query(
                    """
                    SELECT -2::smallint AS small, -3::integer AS whole, $1::bigint AS big, true AS yes, false AS no,
                        $2::float8 AS real, 0.5::float4 AS half, $3::text AS words, $4::bytea AS bytes,
                        NULL::text AS nothing, 'n'::name AS name, '{"a": 1}'::jsonb AS json, ''::text AS blank
                    """, [.integer(.min), .real(-1.5e-300), .text("grüße 🎵"), .blob([0, 255, 7])])[0]
            }
            #expect(try row.integer("small") == -2)
            #expect(try row.integer("whole") == -3)
            #expect(try row.integer("big") == .min)
            #expect(try row.bool("yes"))
            #expect(try !row.bool("no"))
            #expect(try row.real("real") == -1.5e-300)
            #expect(try row.real("half") == 0.5)
            #expect(try row.text("words") == "grüße 🎵")
            #expect(try row.blob("bytes") == [0, 255, 7])
            #expect(try row.optionalText("nothing") == nil)
            #expect(try row.text("name") == "n")
            #expect(try row.text("json") == #"{"a": 1}"#)
            #expect(try row.text("blank") == "")
            for (sql, word) in [("1.5", "numeric"), ("now()", "OID 1184"), ("ARRAY[1]", "OID 1007")] {
                await #expect {
                    try await database.read { _ = try await $0.query("SELECT \(sql) AS x", []) }
                } throws: { "\($0)".contains(word) }
            }
        }
    }

    @Test func `what Postgres cannot hold or read is misuse, without the argument`() async throws {
        try await withPostgres { database, _ in
            let bad: [(String, DatabaseValue)] = [
                ("SELECT $1::text AS x", .text("secret\0a")), ("SELECT $1::bigint AS x", .text("secret-b")),
                ("SELECT $1::integer AS x", .integer(.max)), ("SELECT $1::jsonb AS x", .text("secret-c")),
                ("SELECT secret FROM queue_keys WHERE turn = $1", .integer(1)),
            ]
            for (sql, argument) in bad {
                await #expect(sourceLocation: #_sourceLocation) {
                    try await database.read { _ = try await $0.query(sql, [argument]) }
                } throws: { error in
                    guard case .misuse = error as? DatabaseError else { return false }
                    return !"\(error)".contains("secret-") && !"\(error)".contains("9223")
                }
            }
        }
    }

    @Test func `an error never carries an argument`() async throws {
        try await withPostgres { database, _ in
            let sql = """
                CREATE TABLE box (content TEXT PRIMARY KEY CHECK (content <> 'secret-b'), n BIGINT NOT NULL,
                    up TEXT REFERENCES box)
                """
            try await database.write { try await $0.executeScript(sql) }
            let add = "INSERT INTO box VALUES ($1, $2, $3)"
            try await database.write { _ = try await $0.execute(add, [.text("secret-a"), .integer(1), .null]) }
            let bad: [([DatabaseValue], DatabaseError)] = [
                ([.text("secret-a"), .integer(1), .null], .constraintViolation(.unique, name: "box_pkey")),
                ([.text("secret-b"), .integer(1), .null], .constraintViolation(.check, name: "box_content_check")),
                ([.text("secret-c"), .null, .null], .constraintViolation(.notNull, name: "box.n")),
                (
                    [.text("secret-d"), .integer(1), .text("secret-e")],
                    .constraintViolation(.foreignKey, name: "box_up_fkey")
                ),
                (
                    [.text("secret-f"), .text("secret-g"), .null],
                    .misuse("an argument is no value of its type (22P02)")
                ),
            ]
            for (arguments, expected) in bad {
                await #expect(throws: expected) {
                    try await database.write { _ = try await $0.execute(add, arguments) }
                }
            }
        }
    }

    @Test func `a trigger's refusal, a missing right and a missing table are told apart`() async throws {
        try await withPostgres { database, _ in
            let role = "poor_\(UInt32.random(in: .min ... .max))"
            try await database.write { connection in
                try await connection.executeScript(
                    """
                    INSERT INTO credit_users (id, created_at, updated_at) VALUES ('u', 0, 0);
                    INSERT INTO credit_ledger (id, account_id, kind, reference, amount, available_change, held_change,
                        debt_change, created_at) VALUES ('e', 'u', 'grant', 'r', 1, 1, 0, 0, 0);
                    CREATE ROLE \(role);
                    """)
            }
            await #expect(
                throws: DatabaseError.constraintViolation(.trigger, name: "credit_ledger is append-only")
            ) {
                try await database.write { _ = try await $0.execute("UPDATE credit_ledger SET amount = 2", []) }
            }
            await #expect(throws: DatabaseError.permissionDenied("permission denied for table credit_users")) {
                try await database.write { connection in
                    _ = try await connection.execute("SET LOCAL ROLE \(role)", [])
                    _ = try await connection.query("SELECT * FROM credit_users", [])
                }
            }
            await #expect(throws: DatabaseError.misuse("relation \"nowhere\" does not exist (42P01)")) {
                try await database.read { _ = try await $0.query("SELECT * FROM nowhere", []) }
            }
            try await database.write { _ = try await $0.execute("DROP ROLE \(role)", []) }
        }
    }

    @Test func `more statements than the cache holds still work, and the server keeps no more`() async throws {
        var limits = Self.one
        limits.statementsMax = 3
        try await withPostgres(limits: limits) { database, _ in
            for round in 0..<3 {
                try await database.read { connection in
                    for number in 0..<10 {
                        let rows = try await connection.query("SELECT \(number) AS n", [])
                        #expect(try rows[0].integer("n") == Int64(number), "round \(round)")
                    }
                    let batch = (0..<10).map { DatabaseStatement("SELECT \($0) AS n") }
                    let answers = try await connection.batch(batch)
                    #expect(try answers.map { try $0.rows[0].integer("n") } == Array(0..<10))
                }
                let sql = "SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 's%'"
                let count = try await database.read { try await $0.query(sql, [])[0].integer("n") }
                #expect(count == 3)
            }
        }
    }

    @Test func `a statement that cannot be prepared is not taken for prepared`() async throws {
        try await withPostgres(limits: Self.one) { database, _ in
            let sql = "SELECT n FROM later"
            for _ in 0..<2 {
                await #expect(throws: DatabaseError.self) {
                    try await database.read { _ = try await $0.query(sql, []) }
                }
            }
            try await database.write { try await $0.executeScript("CREATE TABLE later (n BIGINT)") }
            #expect(try await database.read { try await $0.query(sql, []).count } == 0)
        }
    }

    @Test func `a batch with an error in the middle fails as a whole and harms nothing else`() async throws {
        try await withPostgres(limits: Self.one) { database, _ in
            let bad = [insert("a"), insert("b"), insert("a"), DatabaseStatement("SELECT 7 AS n"), insert("c")]
            let expected = DatabaseError.constraintViolation(.unique, name: "queue_keys_pkey")
            await #expect(throws: expected) { try await database.write(batch: bad) }
            await #expect(throws: expected) { try await database.write { try await $0.batch(bad) } }
            await #expect(throws: DatabaseError.misuse("a text with a zero character")) {
                try await database.write(batch: [insert("a"), insert("\0"), insert("b")])
            }
            let found = try await keys(database)
            #expect(found == [])
            let good = [insert("a"), DatabaseStatement("SELECT count(*) AS n FROM queue_keys"), insert("b")]
            let answers = try await database.write(batch: good)
            #expect(answers.map(\.changedCount) == [1, 0, 1])
            #expect(try answers[1].rows[0].integer("n") == 1)
            let added = try await keys(database)
            #expect(added == ["a", "b"])
        }
    }

    @Test func `statements of one transaction that run at once each get their own answer`() async throws {
        try await withPostgres { database, _ in
            let numbers = try await database.read { connection in
                try await withThrowingTaskGroup(of: (Int, Int64).self) { group in
                    for number in 0..<50 {
                        group.addTask {
                            let rows = try await connection.query(
                                "SELECT CAST($1 AS BIGINT) AS n", [.integer(Int64(number))])
                            return (number, try rows[0].integer("n"))
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(numbers.count == 50)
            #expect(numbers.allSatisfy { Int64($0.0) == $0.1 })
        }
    }

    @Test func `a script runs in its transaction, between statements, and fails as a whole`() async throws {
        try await withPostgres(limits: Self.one) { database, _ in
            try await database.write { connection in
                _ = try await connection.batch([insert("a")])
                try await connection.executeScript("CREATE TABLE box (n BIGINT); INSERT INTO box VALUES (1), (2);")
                let rows = try await connection.query("SELECT count(*) AS n FROM box", [])
                #expect(try rows[0].integer("n") == 2)
            }
            await #expect(throws: DatabaseError.self) {
                try await database.write { connection in
                    try await connection.executeScript("INSERT INTO box VALUES (3); CREATE TABEL four;")
                }
            }
            let count = try await database.read { try await $0.query("SELECT count(*) AS n FROM box", [])[0] }
            #expect(try count.integer("n") == 2)
            let found = try await keys(database)
            #expect(found == ["a"])
        }
    }

    @Test func `a beginning of one's own holds for its transaction and no longer`() async throws {
        try await withPostgres(limits: Self.one) { database, _ in
            let set = DatabaseStatement("SELECT set_config('cadenza.credential', $1, true)", [.text("hash-1")])
            let acting = database.beginning(with: [set])
            let get = DatabaseStatement("SELECT coalesce(current_setting('cadenza.credential', true), '') AS who")
            for _ in 0..<2 {
                let inside = try await acting.read { try await $0.query(get.sql, [])[0].text("who") }
                #expect(inside == "hash-1")
                #expect(try await acting.write(batch: [get])[0].rows[0].text("who") == "hash-1")
                #expect(try await database.read(batch: [get])[0].rows[0].text("who") == "")
            }
            let broken = database.beginning(with: [DatabaseStatement("SELECT nothing")])
            await #expect(throws: DatabaseError.self) { try await broken.write(batch: [insert("a")]) }
            await #expect(throws: DatabaseError.self) {
                try await broken.write { _ = try await $0.batch([insert("a")]) }
            }
            let found = try await keys(database)
            #expect(found == [])
        }
    }

    @Test func `a statement that copies ends its connection, not the pool`() async throws {
        try await withPostgres(limits: Self.one) { database, _ in
            await #expect(throws: DatabaseError.misuse("a statement that copies in or out")) {
                try await database.write { _ = try await $0.execute("COPY queue_keys TO STDOUT", []) }
            }
            let found = try await keys(database)
            #expect(found == [])
        }
    }
}
