import Core
import Database
import Glibc
import SQLite
import Support
import Testing

@Suite(.serialized) struct MigrateProgramTests {
    private let directory = TemporaryDirectory()

    private var file: String { directory.path("data/cadenza.sqlite") }

    /// Runs `body` with what the program needs to find an empty database, and a way to run SQL on it as its owner.
    private func withDatabase(
        _ backend: Backend,
        _ body: (_ environment: [String: String], _ sql: (String) async throws -> Void) async throws -> Void
    ) async throws {
        let common = ["DATA_DIR": directory.path("data")]
        switch backend {
        case .sqlite:
            try await body(common) { sql in
                let database = try SQLiteDatabase(path: file, readers: 1, time: ManualTime())
                try await database.write { _ = try await $0.execute(sql, []) }
                await database.close()
            }
        case .postgres:
            try await PostgresServer.withDatabase(isMigrated: false) { name in
                let url = ["CADENZA_DATABASE_URL": try PostgresServer.url(database: name)]
                try await body(common.merging(url) { _, new in new }) { sql in
                    try await PostgresServer.run([sql], database: name)
                }
            }
        }
    }

    private func migrate(_ words: String..., in environment: [String: String]) throws -> (
        lines: [String], status: Int32
    ) {
        let (output, status) = try Program(["migrate"] + words, environment: environment).finish()
        return (output.split(separator: "\n").map(String.init), status)
    }

    private func isPending(_ line: String) -> Bool { line.split(separator: " ").suffix(2) == ["-", "pending"] }

    @Test(arguments: Backend.allCases)
    func `plan shows and changes nothing, apply applies, status knows when`(_ backend: Backend) async throws {
        try await withDatabase(backend) { environment, _ in
            let steps = backend.migrations
            for _ in 0..<2 {
                let (lines, status) = try migrate("plan", in: environment)
                #expect(status == 2)
                #expect(lines.count == steps.count)
                for (line, step) in zip(lines, steps) {
                    #expect(line.hasPrefix("\(padded(Int64(step.number), 4))  \(step.name)  "), "\(line)")
                    #expect(line.hasSuffix(" statements  sha256 \(step.checksum)"), "\(line)")
                }
                let survey = try migrate("status", in: environment)
                #expect(survey.status == 0 && survey.lines.count == steps.count + 1, "\(survey)")
                #expect(survey.lines.dropFirst().allSatisfy(isPending), "\(survey)")
            }
            if backend == .sqlite { #expect(access(file, F_OK) != 0, "to look makes no file") }
            let text = try migrate("plan", "--sql", in: environment)
            #expect(text.status == 2 && text.lines.contains("CREATE TABLE credit_lots ("))

            let applied = try migrate("apply", in: environment)
            #expect(applied.status == 0)
            #expect(applied.lines == steps.map { "\(padded(Int64($0.number), 4))  \($0.name)  applied" })
            #expect(try migrate(in: environment) == applied, "apply is what migrate does by itself")
            #expect(try migrate("plan", in: environment) == (["The schema is up to date."], 0))
            let (lines, status) = try migrate("status", in: environment)
            #expect(status == 0 && lines.count == steps.count + 1)
            #expect(lines.dropFirst().allSatisfy { $0.hasSuffix("Z  ok") }, "\(lines)")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a step whose text has changed is shown, and neither planned nor applied over`(
        _ backend: Backend
    ) async throws {
        try await withDatabase(backend) { environment, sql in
            try #require(try migrate("apply", in: environment).status == 0)
            try await sql("UPDATE schema_migrations SET checksum = 'other' WHERE number = 2")
            for words in ["plan", "apply"] {
                let (lines, status) = try migrate(words, in: environment)
                #expect(status == 78 && lines.count == 1, "\(words): \(lines)")
                #expect(lines.last?.contains("migration 2 is not the one that was applied") == true, "\(lines)")
            }
            let (lines, status) = try migrate("status", in: environment)
            #expect(status == 78)
            #expect(lines.filter { $0.hasSuffix("  changed") }.map { $0.prefix(6) } == ["0002  "], "\(lines)")
            #expect(lines.filter { $0.hasSuffix("  ok") }.count == backend.migrations.count - 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a schema newer than the program is shown, and refused by every command`(_ backend: Backend) async throws {
        try await withDatabase(backend) { environment, sql in
            try #require(try migrate("apply", in: environment).status == 0)
            try await sql("INSERT INTO schema_migrations VALUES (9999, 'from_the_future', 'sum', 0)")
            for words in [["migrate", "plan"], ["migrate", "apply"], ["ledger", "verify"], ["serve"]] {
                let (output, status) = try Program(words, environment: environment).finish()
                #expect(status == 78, "\(words): \(output)")
                #expect(output.contains("newer version: schema 9999"), "\(words): \(output)")
            }
            let (lines, status) = try migrate("status", in: environment)
            #expect(status == 78 && lines.contains { $0.hasPrefix("9999  from_the_future  1970-") }, "\(lines)")
        }
    }

    @Test(arguments: Backend.allCases)
    func `programs that start at once apply each step once`(_ backend: Backend) async throws {
        try await withDatabase(backend) { environment, _ in
            let programs = try (0..<4).map { _ in try Program(["migrate", "apply"], environment: environment) }
            for program in programs {
                let (output, status) = program.finish()
                #expect(status == 0, "\(output)")
                #expect(output.split(separator: "\n").count == backend.migrations.count)
            }
            #expect(try migrate("status", in: environment).lines.dropFirst().allSatisfy { $0.hasSuffix("  ok") })
        }
    }

    @Test func `who has only the servers' logins sees what is pending and cannot apply it`() async throws {
        try await PostgresServer.withDatabase(isMigrated: true) { name in
            var environment = [
                "DATA_DIR": directory.path("data"),
                "CADENZA_DATABASE_URL": try await PostgresRoles.url(role: "cadenza_app", database: name),
                "CADENZA_DATABASE_SERVICE_URL": try await PostgresRoles.url(role: "cadenza_service", database: name),
            ]
            #expect(try migrate("apply", in: environment).status == 0, "nothing is to do")
            let last = try #require(Backend.postgres.migrations.last)
            try await PostgresServer.run(
                ["DELETE FROM schema_migrations WHERE number = \(last.number)"], database: name)
            let plan = try migrate("plan", in: environment)
            #expect(plan.status == 2 && plan.lines.count == 1 && plan.lines[0].contains(last.name), "\(plan)")
            #expect(try migrate("status", in: environment).lines.last.map(isPending) == true)
            let (lines, status) = try migrate("apply", in: environment)
            #expect(status == 78 && lines.count == 1 && lines[0].contains("database.owner_url"), "\(lines)")

            try await PostgresServer.run(
                [
                    "INSERT INTO schema_migrations VALUES "
                        + "(\(last.number), '\(last.name)', '\(last.checksum)', 0)"
                ], database: name)
            environment["CADENZA_DATABASE_OWNER_URL"] = try PostgresServer.url(database: name)
            #expect(try migrate("plan", in: environment).status == 0, "the owner's login is asked where there is one")
        }
    }

    @Test func `a database that cannot be reached is told as such, by each of the commands`() throws {
        let environment = [
            "DATA_DIR": directory.path("data"), "CADENZA_DATABASE_URL": "postgres://me@/name?host=\(directory.path)",
        ]
        for word in ["plan", "apply", "status"] {
            let (lines, status) = try migrate(word, in: environment)
            #expect(status == 69 && lines.count == 1 && lines[0].contains("cannot be reached"), "\(lines)")
        }
    }
}
