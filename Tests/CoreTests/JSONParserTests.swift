@testable import Core
import Testing

@Suite struct JSONParserTests {
    private func parse(_ text: String) throws(JSONError) -> JSON { try JSONParser.parse(Array(text.utf8)) }

    private func reason(_ bytes: [UInt8], depthMax: Int = JSONParser.depthMaxDefault) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONParser.parse(bytes, depthMax: depthMax)
            return nil
        } catch {
            return error
        }
    }

    private static let allowed: [(String, JSON)] = [
        ("null", .null), ("true", true), (" \t\r\nfalse ", false), ("0", 0), ("-0", 0), ("42", 42),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1.5", 1.5), ("-0.25e2", -25.0),
        ("1E+2", 100.0), ("1e-2", 0.01), ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
        ("\"\"", ""), (#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{C}\n\r\tz"), (#""\u00e9\u00E9""#, "éé"),
        (#""\uD834\uDD1E""#, "𝄞"), (#""\u0000""#, "\0"), ("\"𝄞 é\u{7F}\"", "𝄞 é\u{7F}"), ("[]", []), ("{}", [:]),
        ("[ 1 , [ ] ]", [1, []]), (#"{"a":{"b":[null]},"":1}"#, ["a": ["b": [nil]], "": 1]),
    ]

    @Test(arguments: allowed)
    func `what RFC 8259 allows is read`(text: String, value: JSON) throws {
        #expect(try parse(text) == value)
    }

    private static let refused: [(String, JSONError.Reason, Int)] = [
        ("", .unexpectedEnd, 0), (" ", .unexpectedEnd, 1), ("nul", .unexpectedEnd, 3),
        ("nulL", .unexpectedByte, 3), ("True", .unexpectedByte, 0), ("1 2", .trailingBytes, 2),
        ("[1] ]", .trailingBytes, 4), ("[1,]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1),
        ("[1 2]", .unexpectedByte, 3), ("[", .unexpectedEnd, 1), ("{\"a\":1,}", .unexpectedByte, 7),
        ("{\"a\" 1}", .unexpectedByte, 5), ("{a:1}", .unexpectedByte, 1), ("{\"a\":1", .unexpectedEnd, 6),
        ("\"a", .unexpectedEnd, 2), ("\"a\nb\"", .unexpectedByte, 2), ("'a'", .unexpectedByte, 0),
        (#""\x""#, .invalidEscape, 2), (#""\u12g4""#, .invalidEscape, 5), (#""\u12"#, .unexpectedEnd, 5),
        (#""\uD800""#, .loneSurrogate, 7), (#""\uDC00""#, .loneSurrogate, 7), (#""\uD800\u0041""#, .loneSurrogate, 13),
        ("01", .trailingBytes, 1), ("-", .unexpectedEnd, 1), ("-a", .invalidNumber, 1), ("+1", .unexpectedByte, 0),
        (".5", .unexpectedByte, 0), ("5.", .invalidNumber, 2), ("1.e1", .invalidNumber, 2), ("1e", .unexpectedEnd, 2),
        ("1ex", .invalidNumber, 2), ("1e400", .numberOutOfRange, 0), ("[-1e999]", .numberOutOfRange, 1),
        ("NaN", .unexpectedByte, 0), ("Infinity", .unexpectedByte, 0), ("0x10", .trailingBytes, 1),
        ("/**/1", .unexpectedByte, 0), ("\u{FEFF}1", .unexpectedByte, 0), ("\u{A0}1", .unexpectedByte, 0),
        (#"{"a":1,"b":2,"a":3}"#, .duplicateName, 13), (#"{"a":1,"\u0061":2}"#, .duplicateName, 7),
        (#"{"é":1,"e\u0301":2}"#, .duplicateName, 8),
    ]

    @Test(arguments: refused)
    func `what RFC 8259 does not allow is refused where it stands`(
        text: String, reason expected: JSONError.Reason, offset: Int
    ) {
        #expect(reason(Array(text.utf8)) == JSONError(reason: expected, offset: offset))
    }

    @Test(
        arguments: [
            ([0xFF], 0), ([0x22, 0xFF, 0x22], 1), ([0x22, 0xC0, 0x80, 0x22], 1), ([0x22, 0xED, 0xA0, 0x80, 0x22], 1),
            ([0x22, 0xC3, 0x22], 1), ([0x22, 0xC3, 0xA9, 0x61, 0x80, 0xFF, 0x22], 4), ([0x20, 0x22, 0xE2, 0x82], 2),
            ([UInt8](repeating: 0x20, count: 100) + [0xF5], 100),
        ] as [([UInt8], Int)])
    func `bytes that are not UTF-8 are refused where they begin`(bytes: [UInt8], offset: Int) {
        #expect(reason(bytes) == JSONError(reason: .invalidUTF8, offset: offset))
    }

    @Test func `depth is bounded for arrays and objects alike`() throws {
        let arrays = String(repeating: "[", count: 4) + String(repeating: "]", count: 4)
        #expect(reason(Array(arrays.utf8), depthMax: 4) == nil)
        #expect(reason(Array(arrays.utf8), depthMax: 3) == JSONError(reason: .tooDeep, offset: 3))
        #expect(reason(Array(#"[{"a":[0]}]"#.utf8), depthMax: 2)?.reason == .tooDeep)
        let hostile = [UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)
        #expect(reason(hostile)?.reason == .tooDeep)
    }

    @Test func `size is bounded`() {
        let bytes = Array("\"abc\"".utf8)
        #expect(throws: JSONError(reason: .tooLarge, offset: 4)) { try JSONParser.parse(bytes, bytesMax: 4) }
        #expect(throws: Never.self) { try JSONParser.parse(bytes, bytesMax: 5) }
    }

    @Test func `an object keeps the order of its members`() throws {
        let members = try #require(try parse(#"{"z":1,"a":2,"m":3}"#).members)
        #expect(members.map(\.name) == ["z", "a", "m"])
    }
}
