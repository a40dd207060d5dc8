import Core
import Support
import Testing

@Suite struct ProblemCodesTests {
    private static let codes = ProblemCode.allCases.map { "\($0.rawValue) \($0.status)" }

    /// Lines of the golden that the registry no longer has as they stand there.
    private static func lost(golden: String, codes: [String]) -> [String] {
        golden.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") && !codes.contains($0) }
    }

    @Test func `no problem code is renamed, dropped or given another status`() throws {
        let golden = try #require(Repository.text("Tests/Fixtures/problem-codes.txt"))
        #expect(Self.lost(golden: golden, codes: Self.codes) == [])
        let listed = Set(golden.split(separator: "\n").map(String.init))
        #expect(Self.codes.filter { !listed.contains($0) } == [], "add new codes to the end of the golden file")
    }

    @Test func `a lost code is reported`() {
        #expect(Self.lost(golden: "# c\na 400\nb 401\n", codes: ["a 400", "b 402"]) == ["b 401"])
    }

    @Test func `every problem code has its status, title and meaning on its page`() throws {
        let page = try #require(Repository.text("docs/problems.md"))
        let rows = page.split(separator: "\n").map(String.init)
        for code in ProblemCode.allCases {
            let start = "| `\(code.rawValue)` | \(code.status) | \(code.title) | "
            let row = rows.first { $0.hasPrefix(start) }
            #expect(row.map { $0.count > start.count + 2 } == true, "\(start)")
        }
        #expect(rows.count { $0.hasPrefix("| `") } == ProblemCode.allCases.count)
    }

    @Test func `every problem code is in the table with a title`() {
        #expect(Set(ProblemCode.allCases.map(\.rawValue)).count == ProblemCode.allCases.count)
        for code in ProblemCode.allCases where code != .internalError {
            #expect(code.title != ProblemCode.internalError.title, "\(code)")
        }
        #expect(ProblemCode.allCases.allSatisfy { (400...599).contains($0.status) })
    }
}
