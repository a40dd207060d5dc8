import Core
import Testing

/// RFC 8259 in three lists: what every parser must take, what none may, and where the RFC leaves a choice, ours.
/// Each is read twice, as our API does and as the RFC alone would (duplicate names allowed).
@Suite struct JSONConformanceTests {
    private static func isTaken(_ bytes: [UInt8], _ duplicateNames: JSONParser.DuplicateNames = .allowed) -> Bool {
        do throws(JSONError) {
            _ = try JSONParser.parse(bytes, depthMax: 1000, duplicateNames: duplicateNames)
            return true
        } catch {
            return false
        }
    }

    private static let valid: [String] = [
        "[[]   ]", "[\"\"]", "[]", "[\"a\"]", "[false]", "[null, 1, \"1\", {}]", "[null]", "[1\n]", " [1]",
        "[1,null,null,null,2]", "[2] ", "[0e+1]", "[0e1]", "[ 4]", "[1E22]", "[1E-2]", "[1E+2]", "[123e45]",
        "[123.456e78]", "[1e-2]", "[1e+2]", "[123e65]", "[20e1]", "[0]", "[-0]", "[-0.0]", "[-1]", "[-123]", "[123]",
        "[123.456789]", "[-0.\(String(repeating: "0", count: 77))1]", "[1.5e-7]", "[123.456]", "[0.0e0]",
        "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}", "{\"asd\":\"sdf\"}", "{}", "{\"\":0}", "{\"foo\\u0000bar\": 42}",
        "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }", "{\"x\":[{\"id\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}",
        "{\"a\":[]}", "{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\" }", "{\n\"a\": \"b\"\n}",
        "[\"\\u0060\\u012a\\u12AB\"]", "[\"\\uD801\\udc37\"]", "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\\u0000\"]", "[\"\\\"\"]", "[\"a/*b*/c/*d//e\"]", "[\"\\\\a\"]",
        "[\"\\\\n\"]",
        "[\"\\u0012\"]", "[\"\\uFFFF\"]", "[\"asd\"]", "[ \"asd\"]", "[\"\\uDBFF\\uDFFF\"]", "[\"new\\u00A0line\"]",
        "[\"\u{10FFFF}\"]", "[\"\u{FFFF}\"]", "[\"\\u0000\"]", "[\"\\u002c\"]", "[\"π\"]", "[\"𛿿\"]",
        "[\"asd \"]", "\" \"", "[\"\\uD834\\uDd1e\"]", "[\"\\u0821\"]", "[\"\\u0123\"]", "[\"\u{2028}\"]",
        "[\"\u{2029}\"]",
        "[\"\\u0061\\u30af\\u30EA\\u30b9\"]", "[\"new\\u000Aline\"]", "[\"\u{7F}\"]", "[\"\\uA66D\"]", "[\"\\u005C\"]",
        "[\"⍂㈴⍂\"]", "[\"\\uDBFF\\uDFFE\"]", "[\"\\uD83F\\uDFFE\"]", "[\"\\u200B\"]", "[\"\\u2064\"]", "[\"\\uFDD0\"]",
        "[\"\\uFFFE\"]", "[\"\\u0022\"]", "[\"€𝄞\"]", "[\"aa\u{7F}aa\"]", "false", "42", "-0.1", "null", "\"asd\"",
        "true",
        "\"\"", "[\"a\"]\n", "[true]", " [] ", "\t\r\n 1 \t\r\n", "[\"\u{FEFF}\"]", "[\"e\u{301}\"]",
    ]

    @Test(arguments: valid)
    func `every parser must take it, and so do ours`(text: String) {
        #expect(Self.isTaken(Array(text.utf8)))
        #expect(Self.isTaken(Array(text.utf8), .refused))
    }

    private static let invalid: [String] = [
        "[1 true]", "[\"\": 1]", "[\"\"],", "[,1]", "[1,,2]", "[\"x\",,]", "[\"x\"]]", "[\"\",]", "[\"x\"", "[x",
        "[3[4]]",
        "[1:2]", "[,]", "[-]", "[   , \"\"]", "[\"a\",\n4\n,1,", "[1,]", "[1,,]", "[\"\u{B}a\"\\f]", "[*]", "[\"\"",
        "[1,", "[1,\n1\n,1", "[{}", "[fals]", "[nul]", "[tru]", "123\u{0}", "[++1234]", "[+1]", "[+Inf]", "[-01]",
        "[-1.0.]", "[-2.]", "[-NaN]", "[.-1]", "[.2e-3]", "[0.1.2]", "[0.3e+]", "[0.3e]", "[0.e1]", "[0E+]", "[0E]",
        "[0e+]", "[0e]", "[1.0e+]", "[1.0e-]", "[1.0e]", "[1 000.0]", "[1eE2]", "[2.e+3]", "[2.e-3]", "[2.e3]",
        "[9.e+]",
        "[Inf]", "[NaN]", "[\u{FF11}]", "[1+2]", "[0x1]", "[0x42]", "[Infinity]", "[0e+-1]", "[-123.123foo]", "[-foo]",
        "[-Infinity]", "[- 1]", "[-012]", "[-.123]", "[-1x]", "[1ea]", "[1.]", "[.123]", "[1.2a-3]",
        "[1.8011670033376514H-308]",
        "[012]", "[00]", "[00.0]", "[-00e0]", "[\"x\", truth]", "{[: \"x\"}", "{\"x\", null}", "{\"x\"::\"b\"}", "{🇨🇭}",
        "{\"a\":\"a\" 123}", "{key: 'value'}", "{\"a\" b}", "{:\"b\"}", "{\"a\" \"b\"}", "{\"a\":", "{\"a\"", "{1:1}",
        "{9999E9999:1}", "{null:null,null:null}", "{\"id\":0,,,,,}", "{'a':0}", "{\"id\":0,}", "{\"a\":\"b\"}/**/",
        "{\"a\":\"b\"}/**//", "{\"a\":\"b\"}//", "{\"a\":\"b\"}/", "{\"a\":\"b\",,\"c\":\"d\"}", "{a: \"b\"}",
        "{\"a\":\"a",
        "{ \"foo\" : \"bar\", \"a\" }", "{\"a\":\"b\"}#", " ", "[\"\\uD800\\\"]", "[\"\\uD800\\u\"]",
        "[\"\\uD800\\u1\"]",
        "[\"\\uD800\\u1x\"]", "[é]", "[\"\\x00\"]", "[\"\\\\\\\"]", "[\"\\\t\"]", "[\"\\🌀\"]", "[\"\\\"]",
        "[\"\\u00A\"]",
        "[\"\\uD834\\uDd\"]", "[\"\\uD800\\uD800\\x\"]", "[\"\\a\"]", "[\"\\uqqqq\"]", "[\\u0020\"asd\"]", "[\\n]",
        "\"",
        "['single quote']", "abc", "[\"\\", "[\"a\u{0}a\"]", "[\"new\nline\"]", "[\"\t\"]", "\"\\UA66D\"", "\"\"x",
        "[\u{2060}]", "<.>", "[<null>]", "[1]x", "[1]]", "[\"asd]", "aå", "[True]", "1]", "{\"x\": true,", "[][]", "]",
        "",
        "[", "2@", "{}}", "{\"\":", "{\"a\":/*comment*/\"b\"}", "{\"a\": true} \"x\"", "['", "[,", "[{", "[\"a",
        "[\"a\"",
        "{", "{]", "{,", "{[", "{\"a", "{'a'", "[\"\\{[\"\\{[\"\\{[\"\\{", "*", "{\"a\":\"b\"}#{}", "[\\u000A\"\"]",
        "[1",
        "[ false, nul", "[ true, fals", "[ false, tru", "{\"asd\":\"asd\"", "å", "\u{2060}", "[\u{C}]", "[\u{85}1]",
        "[\u{A0}1]", "[\u{B}1]", "\u{0}1", "1\u{0}", "[1,2}", "{\"a\":1]", "tRUE", "nulll", "truefalse", "\"\u{1F}\"",
        "\"\\u{41}\"", "\"\\u004\"", "\"\\'\"", "\"\\0\"", "1_000", "1,000", "0b1", "1f", "--1", "1-", "1e1.5",
        "\u{2212}1",
        "[1;2]", "{\"a\"=1}", "{\"a\":1;\"b\":2}", "(1)", "undefined", "{\"a\":undefined}", "/1/", "#1", "--", "'",
        "`a`",
    ]

    @Test(arguments: invalid)
    func `no parser may take it, and ours do not`(text: String) {
        #expect(!Self.isTaken(Array(text.utf8)))
        #expect(!Self.isTaken(Array(text.utf8), .refused))
    }

    /// Bytes that are no text: UTF-8 cut short, overlong, of surrogates, beyond Unicode, and other encodings.
    private static let notUTF8: [[UInt8]] = [
        [0x5B, 0x22, 0xE5, 0x22, 0x5D], [0x5B, 0xFF, 0x5D], [0x5B, 0xE5, 0x5D], [0x5B, 0x31, 0xE5, 0x5D],
        [0x22, 0x5C, 0xE5, 0x22], [0x5B, 0x22, 0x5C, 0x75, 0xE5, 0x22, 0x5D], [0xE5], [0xFE, 0xFF],
        [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xE0, 0x80, 0xAF, 0x22], [0x22, 0xF0, 0x80, 0x80, 0xAF, 0x22],
        [0x22, 0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
        [0x22, 0xED, 0xBF, 0xBF, 0x22],
        [0x22, 0xF4, 0xBF, 0xBF, 0xBF, 0x22], [0x22, 0xE9, 0x22], [0x22, 0x81, 0x22], [0x22, 0xC3], [0x22, 0xF0, 0x9D],
        [0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00], [0x00, 0x5B, 0x00, 0x5D], [0x5B, 0x00, 0x5D, 0x00], [0xEF, 0xBB],
        [0xEF, 0xBB, 0xBF], [0xEF, 0xBB, 0xBF, 0x7B, 0x7D],
    ]

    @Test(arguments: notUTF8)
    func `what is not UTF-8, or begins with a byte order mark, is not taken (RFC 8259 §8.1)`(bytes: [UInt8]) {
        #expect(!Self.isTaken(bytes))
    }

    /// RFC 8259 §6: an implementation may set limits to range and precision.
    private static let numbers: [(String, JSON?)] = [
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(0x1p63)), ("-9223372036854775809", .number(-0x1p63)),
        ("100000000000000000000", .number(1e20)), ("123123e-10000000", .number(0)), ("1e-400", .number(0)),
        ("-0", .integer(0)), ("-0.0", .number(-0.0)), ("5e-324", .number(.leastNonzeroMagnitude)),
        ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)), ("1e400", nil), ("-1e400", nil),
        ("0.4e00\(String(repeating: "6", count: 80))", nil), ("1.5e+9999", nil), ("-123123e100000", nil),
        ("\(String(repeating: "9", count: 400))", nil),
        ("0.\(String(repeating: "3", count: 400))", .number(1.0 / 3)),
    ]

    @Test(arguments: numbers)
    func `a number is the nearest double, and beyond the range of doubles an error`(text: String, value: JSON?) {
        let parsed = try? JSONParser.parse(Array(text.utf8))
        #expect(parsed == value)
    }

    @Test(arguments: [
        "[\"\\uDADA\"]", "[\"\\uD888\\u1234\"]", "[\"\\uD800\\n\"]", "[\"\\uDd1ea\"]", "[\"\\uD800\\uD800\\n\"]",
        "[\"\\ud800\"]", "[\"\\ud800abc\"]", "[\"\\uDd1e\\uD834\"]", "[\"\\uDFAA\"]", "{\"\\uDFAA\":0}",
    ])
    func `a lone surrogate stands for no character and is an error (RFC 8259 §8.2)`(text: String) {
        #expect(throws: JSONError.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test(arguments: [
        "{\"a\":\"b\",\"a\":\"c\"}", "{\"a\":\"b\",\"a\":\"b\"}", "{\"a\":0,\"\\u0061\":1}", "[{\"\":1,\"\":2}]",
    ])
    func `a name that stands twice is an error here, and by RFC 8259 §4 alone it is not`(text: String) throws {
        #expect(!Self.isTaken(Array(text.utf8), .refused))
        #expect(Self.isTaken(Array(text.utf8), .allowed))
    }

    @Test func `where duplicate names are allowed every member is kept`() throws {
        let value = try JSONParser.parse(Array("{\"a\":1,\"b\":2,\"a\":3}".utf8), duplicateNames: .allowed)
        #expect(value.members?.map(\.name) == ["a", "b", "a"])
        #expect(value["a"] == 1)
    }

    @Test func `no nesting overflows the stack, whatever depth is allowed`() {
        func reason(_ text: String) -> JSONError.Reason? {
            do throws(JSONError) {
                _ = try JSONParser.parse(Array(text.utf8), bytesMax: 1 << 24, depthMax: .max)
                return nil
            } catch {
                return error.reason
            }
        }
        let ceiling = JSONParser.depthCeiling
        #expect(reason(String(repeating: "[", count: ceiling) + String(repeating: "]", count: ceiling)) == nil)
        #expect(reason(String(repeating: "[", count: ceiling + 1)) == .tooDeep)
        #expect(reason(String(repeating: "[", count: 100_000)) == .tooDeep)
        #expect(reason(String(repeating: "{\"\":", count: 100_000)) == .tooDeep)
        #expect(reason(String(repeating: "[{\"\":", count: 50_000) + "\n") == .tooDeep)
        #expect(reason("[" + String(repeating: "[],", count: 100_000) + "0]") == nil)
    }
}
