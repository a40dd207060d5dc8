import Testing

@Suite struct SourceTextTests {
    private func code(_ text: String, _ path: String = "a.swift") -> String {
        String(decoding: SourceText(path: path, text).code, as: UTF8.self)
    }

    @Test(arguments: [
        (#"a "b\"c" d"#, "a        d"),
        (#"a "\(b("c"))" d"#, "a    b(   ))  d"),
        (##"a #"b\"# c"##, "a        c"),
        (##"a #"\#(b) \(c)"# d"##, "a      b)        d"),
        ("a \"\"\"\nb \"c\"\n\"\"\" d", "a    \n     \n    d"),
        ("a // b \"c\nd", "a        \nd"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("func `a \"b`() // c", "func `____`()     "),
        ("#if a\n#endif", "#if a\n#endif"),
    ])
    func `texts and comments of Swift are blanked`(text: String, expected: String) {
        #expect(code(text) == expected)
    }

    @Test(arguments: [
        (#"a '"' b '\'' c"#, "a     b      c"),
        ("a /* b /* c */ d", "a              d"),
        ("#define A \"b\" // c", "#define A         "),
    ])
    func `texts, characters and comments of C are blanked`(text: String, expected: String) {
        #expect(code(text, "a.c") == expected)
    }

    @Test func `comments are kept apart with their places`() {
        let source = SourceText(path: "a.swift", "let a = 1 // b\n/* c\nd */ let e")
        #expect(String(decoding: source.comments, as: UTF8.self) == "          // b\n/* c\nd */      ")
        #expect(SourceText.occurrences(of: "d", in: source.comments).map(source.line) == [3])
    }

    @Test func `a word is found only where no name goes on`() {
        #expect(SourceText.occurrences(of: "print(", in: Array("print( sprint( .print(".utf8)) == [0, 16])
        #expect(SourceText.occurrences(of: "func", in: Array("func funcs _func".utf8)) == [0])
    }

    @Test(arguments: [
        ("func a() {\n}", [2]),
        ("protocol P {\n func a()\n func b()\n}\nfunc c() {}", [1]),
        ("init(a: () -> Void = {\n}) {\n}", [3]),
        ("let a = B.init {\n}", []),
        ("var a = 1\nvar b: Int {\n2\n}", [3]),
        ("func a() {\n func b() {\n }\n}", [4, 2]),
    ])
    func `functions of Swift are measured`(text: String, lines: [Int]) {
        #expect(FunctionSpan.all(in: SourceText(path: "a.swift", text)).map(\.lines).sorted(by: >) == lines)
    }

    @Test(arguments: [
        ("int a(void)\n{\n}\n", [3]),
        ("static const int a[] = {\n1,\n};\nint b(void) {\n if (1) {\n }\n}\n", [4]),
        ("#define A(b) { \\\n b }\nint c(void) { return 1; }", [1]),
        ("struct a {\n int b;\n};\nvoid c(void);\n", []),
        ("extern \"C\" {\nint a(void) {\n}\n}", [2]),
    ])
    func `functions of C are measured`(text: String, lines: [Int]) {
        #expect(FunctionSpan.all(in: SourceText(path: "a.c", text)).map(\.lines) == lines)
    }
}
