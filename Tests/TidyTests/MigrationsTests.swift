import Support
import Testing

@Suite struct MigrationsTests {
    /// What is wrong with the two engines' migration names.
    private static func faults(postgres: [String], sqlite: [String]) -> [String] {
        var found = Set(postgres).symmetricDifference(sqlite).sorted().map { "\($0) is in one folder only" }
        for (index, name) in sqlite.sorted().enumerated() {
            let digits = String(index + 1)
            let number = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            if !name.hasPrefix("\(number)_") || !name.hasSuffix(".sql") {
                found.append("\(name) is not \(number)_….sql")
            }
        }
        return found
    }

    private static func names(_ engine: String) -> [String] {
        Repository.files(below: "migrations/\(engine)").map { String($0.split(separator: "/").last ?? "") }
    }

    @Test func `migrations come in pairs, numbered without gaps`() {
        #expect(!Self.names("sqlite").isEmpty)
        #expect(Self.faults(postgres: Self.names("postgres"), sqlite: Self.names("sqlite")) == [])
    }

    @Test(arguments: [
        (["0001_a.sql"], [], "0001_a.sql is in one folder only"),
        (["0002_a.sql"], ["0002_a.sql"], "0002_a.sql is not 0001_….sql"),
        (["0001_a.txt"], ["0001_a.txt"], "0001_a.txt is not 0001_….sql"),
    ])
    func `a migration without its pair or out of number is reported`(
        postgres: [String], sqlite: [String], fault: String
    ) {
        #expect(Self.faults(postgres: postgres, sqlite: sqlite) == [fault])
    }
}
