import ArgumentParser
import Config
import Core
import Database

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Show and change the database's schema.",
        subcommands: [Plan.self, Apply.self, Status.self], defaultSubcommand: Apply.self)

    struct Plan: AsyncParsableCommand {
        /// Not one of a failure's.
        static let pendingStatus: Int32 = 2

        static let configuration = CommandConfiguration(
            abstract: "Print what apply would do, and do nothing.",
            discussion: "Exit 0: the schema is up to date. Exit \(pendingStatus): there is something to apply.")
        @OptionGroup var settings: SettingsOption
        @Flag(help: "Print the SQL of each step.") var sql = false

        func run() async throws {
            let loaded = try settings.load()
            let found = try await withSchema(loaded) { migrator, database in try await migrator.plan(database) }
            let pending = found ?? DatabaseEngine.migrations(loaded)
            for migration in pending { print(sql ? Self.text(migration) : Self.line(migration)) }
            guard pending.isEmpty else { throw ExitCode(Self.pendingStatus) }
            print(sql ? "-- The schema is up to date." : "The schema is up to date.")
        }

        private static func line(_ migration: Migration) -> String {
            let count = migration.statementCount
            let size = "\(count) \(count == 1 ? "statement" : "statements")"
            return "\(padded(Int64(migration.number), 4))  \(migration.name)  \(size)  sha256 \(migration.checksum)"
        }

        private static func text(_ migration: Migration) -> String { "-- \(line(migration))\n\(migration.sql)" }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring the database's schema up to date and show its steps; the default.")
        @OptionGroup var settings: SettingsOption

        func run() async throws {
            let loaded = try settings.load()
            let steps = try await withSchema(loaded, isNew: true) { migrator, database in
                if DatabaseEngine.mayMigrate(loaded) {
                    try await migrator.migrate(database)
                } else if try await !migrator.plan(database).isEmpty {
                    throw CommandFailure(
                        "the schema is not up to date, and there is no database.owner_url to change it by",
                        exit: .config)
                }
                return try await migrator.status(database)
            }
            for step in steps ?? [] {
                print("\(padded(Int64(step.number), 4))  \(step.name)  \(step.isApplied ? "applied" : "missing")")
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the schema's steps, when each was applied and whether its text is still the same.",
            discussion: "Exit 0: this program works on the schema, once what is pending is applied. "
                + "Exit \(ExitStatus.config.rawValue): a step has changed, or the schema is newer than this program.")
        @OptionGroup var settings: SettingsOption

        func run() async throws {
            let loaded = try settings.load()
            let found = try await withSchema(loaded) { migrator, database in try await migrator.survey(database) }
            let findings = found ?? DatabaseEngine.migrations(loaded).map(Migrator.pending)
            let rows = findings.map { finding in
                [
                    padded(Int64(finding.number), 4), finding.name, finding.appliedAt?.description ?? "-",
                    Self.word(finding.state),
                ]
            }
            for line in textTable([["STEP", "NAME", "APPLIED AT", "CHECKSUM"]] + rows) { print(line) }
            let refused = findings.filter { $0.state == .changed || $0.state == .newer }
            guard refused.isEmpty else {
                let numbers = refused.map { "\($0.number)" }.joined(separator: ", ")
                throw CommandFailure(
                    "this program works on another schema; changed or newer here: \(numbers)", exit: .config)
            }
        }

        private static func word(_ state: Migrator.Finding.State) -> String {
            switch state {
            case .applied: "ok"
            case .changed: "changed"
            case .pending: "pending"
            case .newer: "newer than this program"
            }
        }
    }
}

/// Runs `body` on the schema as it is, and closes it.
///
/// - Returns: `nil` if there is no database yet, and none is to be made.
private func withSchema<Value>(
    _ settings: Settings, isNew: Bool = false, _ body: (Migrator, any SQLDatabase) async throws -> Value
) async throws -> Value? {
    let time = SystemTime()
    guard let engine = try await DatabaseEngine.openSchema(settings, isNew: isNew, time: time) else { return nil }
    do {
        let value = try await body(Migrator(engine.migrations, time: time), engine.database)
        await engine.close()
        return value
    } catch {
        await engine.close()
        throw error
    }
}
