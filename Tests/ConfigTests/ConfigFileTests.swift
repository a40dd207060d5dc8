import Testing

@testable import Config

@Suite struct ConfigFileTests {
    private func parse(_ text: String) -> ConfigFile { ConfigFile(parsing: text, name: "x.conf") }

    @Test func `sections, keys, comments and blank lines are read`() {
        let file = parse(
            "# first\n\n[http]\nport = 1 # why\n\taddress\t=\t\"a b\"  # and\r\n[data] # c\ndirectory=\"/d\"\n")
        #expect(file.errors.isEmpty)
        #expect(
            file.entries == [
                .init(section: "http", name: "port", value: "1", line: 4),
                .init(section: "http", name: "address", value: "a b", line: 5),
                .init(section: "data", name: "directory", value: "/d", line: 7),
            ])
    }

    @Test(arguments: [#""""#: "", #""a#b""#: "a#b", #""\"\\""#: #""\"#, "-1.5": "-1.5", "007": "007", #""é""#: "é"])
    func `a value is a bare number or quoted text`(written: String, value: String) {
        let file = parse("[a]\nb = \(written)\n")
        #expect(file.errors.isEmpty)
        #expect(file.entries.map(\.value) == [value])
    }

    @Test(arguments: [
        "b = yes", "b = ", "b = \"open", "b = \"a\" c", "b = 'a'", #"b = "\n""#, "b = 1e3", "b = +1", "b = .5",
        "b = 5.", "b = nan", "b", "B = 1", "b c = 1", "= 1", "[c", "[]", "[C]", "[c] d", "b = 1 2", "b = 0x10",
    ])
    func `what is not in the grammar is refused with its line`(line: String) {
        let file = parse("[a]\n\(line)\n")
        #expect(file.entries.isEmpty)
        #expect(file.errors.map(\.place) == ["x.conf:2"])
    }

    @Test func `a key before any section is refused`() {
        #expect(parse("port = 1").errors.map(\.place) == ["x.conf:1"])
    }

    @Test func `a key set twice is refused and names the first line`() {
        let file = parse("[a]\nb = 1\n[a]\nb = 2\n")
        #expect(file.errors == [ConfigError("x.conf:4", "a.b is already set in line 2")])
    }

    @Test func `quoting is undone by parsing`() {
        let text = #"a "b" \ c # d"#
        #expect(parse("[a]\nb = \(ConfigFile.quote(text))").entries.map(\.value) == [text])
    }
}
