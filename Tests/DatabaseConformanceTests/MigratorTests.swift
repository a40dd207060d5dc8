import Core
import Database
import Support
import Testing

@Suite struct MigratorTests {
    private let first = Migration(1, "first", sql: Array("CREATE TABLE one (n BIGINT);".utf8))
    private let second = Migration(2, "second", sql: Array("CREATE TABLE two (n BIGINT);".utf8))
    private let time = ManualTime()

    private func applied(_ migrator: Migrator, _ database: any SQLDatabase) async throws -> [Bool] {
        try await migrator.status(database).map(\.isApplied)
    }

    private func numbers(_ migrator: Migrator, _ database: any SQLDatabase) async throws -> [Int] {
        try await migrator.migrate(database).map(\.number)
    }

    @Test(arguments: Backend.allCases)
    func `migrating twice changes nothing the second time`(_ backend: Backend) async throws {
        try await backend.withTwo { database, _ in
            let migrator = Migrator([first, second], time: time)
            let before = try await applied(migrator, database)
            #expect(before == [false, false])
            #expect(try await numbers(migrator, database) == [1, 2])
            #expect(try await migrator.migrate(database) == [])
            #expect(try await applied(migrator, database) == [true, true])
        }
    }

    @Test(arguments: Backend.allCases)
    func `two processes that migrate at once apply each step once`(_ backend: Backend) async throws {
        try await backend.withTwo { database, other in
            let migrator = Migrator(backend.migrations, time: time)
            async let here = migrator.migrate(database)
            async let there = migrator.migrate(other)
            let applied = try await here.count + there.count
            #expect(applied == backend.migrations.count)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a schema newer than the program is refused`(_ backend: Backend) async throws {
        try await backend.withTwo { database, _ in
            try await Migrator([first, second], time: time).migrate(database)
            let older = Migrator([first], time: time)
            await #expect(throws: DatabaseError.schemaTooNew(found: 2, known: 1)) { try await older.migrate(database) }
            await #expect(throws: DatabaseError.schemaTooNew(found: 2, known: 1)) { try await older.status(database) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a migration that changed after it was applied is refused`(_ backend: Backend) async throws {
        try await backend.withTwo { database, _ in
            try await Migrator([first], time: time).migrate(database)
            let changed = Migration(1, "first", sql: Array("CREATE TABLE one (m BIGINT);".utf8))
            await #expect(throws: DatabaseError.migrationChanged(number: 1)) {
                try await Migrator([changed, second], time: time).migrate(database)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a migration that fails leaves neither its version nor its tables`(_ backend: Backend) async throws {
        try await backend.withTwo { database, _ in
            let broken = Migration(2, "broken", sql: Array("CREATE TABLE two (n BIGINT); CREATE TABEL three;".utf8))
            let migrator = Migrator([first, broken], time: time)
            await #expect(throws: DatabaseError.self) { try await migrator.migrate(database) }
            let found = try await applied(migrator, database)
            #expect(found == [true, false])
            #expect(try await numbers(Migrator([first, second], time: time), database) == [2])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a plan is what would be applied, and applies nothing`(_ backend: Backend) async throws {
        try await backend.withTwo { database, _ in
            let migrator = Migrator([first, second], time: time)
            for _ in 0..<2 {
                let plan = try await migrator.plan(database).map(\.number)
                #expect(plan == [1, 2])
            }
            try await Migrator([first], time: time).migrate(database)
            let rest = try await migrator.plan(database).map(\.sql)
            #expect(rest == [second.sql])
            try await migrator.migrate(database)
            let nothing = try await migrator.plan(database).count
            #expect(nothing == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a survey tells applied, changed, pending and newer steps apart`(_ backend: Backend) async throws {
        try await backend.withTwo { database, _ in
            let third = Migration(3, "third", sql: Array("CREATE TABLE three (n BIGINT);".utf8))
            try await Migrator([first, second], time: time).migrate(database)
            time.advance(seconds: 60)
            let changed = Migration(2, "second", sql: Array("CREATE TABLE two (m BIGINT);".utf8))
            let found = try await Migrator([first, changed, third], time: time).survey(database)
            #expect(found.map(\.state) == [.applied, .changed, .pending])
            #expect(found.map(\.name) == ["first", "second", "third"])
            let appliedAt = time.now().adding(seconds: -60)
            #expect(found.map(\.appliedAt) == [appliedAt, appliedAt, nil])
            let older = try await Migrator([first], time: time).survey(database)
            #expect(older.map(\.state) == [.applied, .newer] && older.last?.name == "second")
        }
    }

    @Test(arguments: [
        ("", 0), ("-- only a; remark", 0), ("SELECT 1", 1), ("SELECT 1;;\n;", 1), ("SELECT ';'; SELECT 2", 2),
        ("SELECT 'it''s; so' AS \"a;b\"; SELECT 2;", 2), ("/* one; two */ SELECT 1;", 1),
        ("DO $$ BEGIN a; b; END $$; SELECT 1;", 2), ("DO $x$ a; $$ b; $$ $x$; SELECT $1;", 2),
        ("CREATE TRIGGER t AFTER UPDATE ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM b; END; SELECT 1;", 2),
        ("CREATE TRIGGER t BEFORE UPDATE ON a EXECUTE FUNCTION f(); BEGIN; SELECT 1; END;", 4),
    ])
    func `a script's statements are counted as its engine reads them`(_ sql: String, _ count: Int) {
        #expect(Migration(1, "any", sql: Array(sql.utf8)).statementCount == count)
    }

    @Test(arguments: [
        // FIPS 180-4 examples: the empty message, one block, two blocks.
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `the checksum is SHA-256`(_ text: String, _ digest: String) {
        #expect(Migration(1, "any", sql: Array(text.utf8)).checksum == digest)
    }
}
