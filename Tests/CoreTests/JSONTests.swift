import Core
import Support
import Testing

@Suite struct JSONTests {
    private static let written: [(JSON, String)] = [
        (.null, "null"), (true, "true"), (-7, "-7"), (0.5, "0.5"), (.number(.infinity), "null"),
        (.number(.nan), "null"), ("a\"\\/\n\r\t\u{1}\u{1F}é𝄞", #""a\"\\/\n\r\t\u0001\u001fé𝄞""#),
        ([1, [nil]], "[1,[null]]"),
        (["b": 1, "a": []], #"{"b":1,"a":[]}"#),
    ]

    @Test(arguments: written)
    func `values are written compactly, members in their order`(value: JSON, text: String) {
        #expect(value.text == text)
    }

    @Test func `what is written is read back, for random values`() throws {
        var random = SeededGenerator(seed: 20_261_121)
        for _ in 0..<300 {
            let value = Self.value(&random, depth: 0)
            #expect(try JSONParser.parse(value.encoded) == value, "seed 20261121")
        }
    }

    private static func value(_ random: inout SeededGenerator, depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth < 4 ? 7 : 5), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &random))
        case 3: return .number(Double.random(in: -1e9...1e9, using: &random) + 0.001)
        case 4: return .string(text(&random))
        case 5: return .array((0..<3).map { _ in value(&random, depth: depth + 1) })
        default:
            return .object((0..<3).map { .init("\($0)\(text(&random))", value(&random, depth: depth + 1)) })
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        String(
            String.UnicodeScalarView(
                (0..<8).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0..<0x11000, using: &random)) }))
    }

    @Test func `a whole number is one however it was written`() {
        #expect(JSON.number(3).integer == 3)
        #expect(JSON.number(3.5).integer == nil)
        #expect(JSON.number(9_223_372_036_854_775_808).integer == nil)
        #expect(JSON.integer(3).double == 3)
        #expect(JSON.string("3").integer == nil)
    }

    @Test func `a member is found by name only in an object`() {
        let value: JSON = ["a": 1, "b": nil]
        #expect(value["a"] == 1)
        #expect(value["b"] == .null)
        #expect(value["c"] == nil)
        #expect(JSON.array([1])["a"] == nil)
    }
}
