import Support
import Testing

@Suite struct DocumentsTests {
    private static let pages = Tree.sources.filter { $0.path.hasSuffix(".md") }

    /// The targets of `[text](target)` in a page.
    private static func links(_ page: String) -> [String] {
        page.split(separator: "](").dropFirst().map { String($0.prefix { $0 != ")" }) }
    }

    /// The words after `make` in code of a page.
    private static func makeTargets(_ page: String) -> Set<String> {
        Set(
            SourceText.occurrences(of: "make ", in: Array(page.utf8)).compactMap { offset in
                let before = Array(page.utf8)[..<offset].last
                guard before == UInt8(ascii: "`") || before == newline || before == UInt8(ascii: "$") else {
                    return nil
                }
                return String(decoding: Array(page.utf8)[(offset + 5)...].prefix { $0.isOfName }, as: UTF8.self)
            })
    }

    @Test func `every link within the documents leads to a file`() {
        for page in Self.pages {
            let text = String(decoding: page.bytes, as: UTF8.self)
            let folder = page.path.split(separator: "/").dropLast().joined(separator: "/")
            for link in Self.links(text) where !link.contains("://") && !link.hasPrefix("#") {
                let file = String(link.prefix { $0 != "#" })
                let path =
                    file.hasPrefix("../") ? String(file.dropFirst(3)) : folder.isEmpty ? file : "\(folder)/\(file)"
                #expect(Repository.text(path) != nil, "\(page.path) links to \(link)")
            }
        }
    }

    @Test func `every make target that the documents name exists`() throws {
        let makefile = try #require(Repository.text("Makefile"))
        for page in Self.pages {
            for target in Self.makeTargets(String(decoding: page.bytes, as: UTF8.self)) {
                #expect(makefile.contains("\n\(target):"), "\(page.path) names make \(target)")
            }
        }
    }

    @Test func `links and make targets are found in a page`() {
        #expect(Self.links("a [b](c.md) and [d](https://e) (f)") == ["c.md", "https://e"])
        #expect(Self.makeTargets("\nmake run\n`make test` they make noise `PORT=1 make x`") == ["run", "test"])
    }

    @Test func `every row of the status page has a command and says what was seen and when`() throws {
        let page = try #require(Repository.text("docs/status.md"))
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst()
        #expect(rows.count >= 15)
        for row in rows {
            let cells = row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
            #expect(cells.count == 4, "\(row)")
            #expect(cells.allSatisfy { $0.contains(where: { $0 != " " }) }, "\(row)")
        }
    }
}
