import Support
import Testing

@testable import Config

@Suite struct ConfigDocumentTests {
    private static let around = Settings.Surroundings(
        environment: ["HOME": "/h"], cores: 1, workingDirectory: "/")

    @Test func `the example file documents every key with its default`() {
        let path = "config/cadenza.conf.example"
        #expect(
            Repository.golden(path, generated: ConfigDocument.exampleFile()) == ConfigDocument.exampleFile(),
            "CADENZA_TEST_REGENERATE=1 swift test --filter ConfigTests writes \(path) anew")
    }

    @Test func `the example file with its defaults made active changes nothing`() throws {
        let active = ConfigDocument.exampleFile()
            .split(separator: "\n")
            .filter { !$0.hasPrefix("# ") && !$0.hasSuffix("= \"…\"") }
            .map { $0.hasPrefix("#") ? $0.dropFirst() : $0 }
            .joined(separator: "\n")
        let settings = try Settings.load(text: active, name: "example", surroundings: Self.around)
        #expect(settings == (try Settings.load(text: "", name: "", surroundings: Self.around)))
        let given = ConfigFile(parsing: active, name: "example").entries.count
        #expect(given == SettingKey.table.filter { $0.defaultInWords == nil }.count)
    }

    @Test func `the configuration page has the tables of all keys`() throws {
        let path = "docs/configuration.md"
        let page = try #require(Repository.text(path))
        let mark = "<!-- generated below this line -->\n"
        let split = try #require(page.firstRange(of: mark))
        let generated = page[..<split.upperBound] + "\n" + ConfigDocument.reference()
        #expect(
            Repository.golden(path, generated: generated) == generated,
            "CADENZA_TEST_REGENERATE=1 swift test --filter ConfigTests writes \(path) anew")
    }
}
