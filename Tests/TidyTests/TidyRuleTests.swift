import Support
import Testing

@Suite struct TidyRuleTests {
    @Test(arguments: TidyRule.table)
    func `each rule holds over the whole tree`(rule: TidyRule) {
        let findings = Tree.sources.flatMap { rule.findings(in: $0) }
        #expect(findings.isEmpty, "\(findings.joined(separator: "\n"))")
    }

    @Test(arguments: TidyRule.table)
    func `each rule reports its bad example and passes its good one`(rule: TidyRule) {
        #expect(rule.findings(in: SourceText(path: rule.bad.path, rule.bad.text)).count == 1)
        #expect(rule.findings(in: SourceText(path: rule.good.path, rule.good.text)).isEmpty)
    }

    @Test func `the tree is seen`() {
        #expect(Tree.sources.contains { $0.path == "Package.swift" })
        #expect(Tree.sources.contains { $0.path == "Sources/Base/Core/JSON.swift" })
        #expect(Tree.sources.contains { $0.path == "Tests/TidyTests/TidyRuleTests.swift" })
    }
}

/// Every text file of the tree, read once.
enum Tree {
    static let folders = [".ci", "Sources", "Tests", "config", "docs", "migrations", "scripts"]
    static let files = ["CHANGELOG.md", "Makefile", "NOTICE", "Package.swift", "README.md"]

    static let paths = (files + folders.flatMap { Repository.files(below: $0) }).filter { !$0.contains("__pycache__") }

    static let sources = paths.compactMap { path in
        Repository.text(path).map { SourceText(path: path, $0) }
    }
}
