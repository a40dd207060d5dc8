import HTTP
import Testing

private func pairs(_ text: String, pairsMax: Int = 8) throws(PercentCodingError) -> [QueryItem] {
    let bytes = Array(text.utf8)
    let result = bytes.withUnsafeBytes { bytes -> Result<[QueryItem], PercentCodingError> in
        do throws(PercentCodingError) {
            return .success(try PercentCoding.pairs(bytes, pairsMax: pairsMax))
        } catch {
            return .failure(error)
        }
    }
    return try result.get()
}

struct PercentCodingTests {
    @Test func `pairs are split at the first equals sign and decoded after that`() throws {
        // WHATWG URL §5.1
        let expected = [
            QueryItem("a", "b=c"), QueryItem("d&", "+ "), QueryItem("", "e"), QueryItem("f", ""), QueryItem("é", "é"),
        ]
        #expect(try pairs("a=b=c&d%26=%2B+&=e&&f&%C3%A9=é&") == expected)
        #expect(try pairs("") == [])
    }

    @Test(arguments: ["%", "a=%4", "%zz=a", "a=%00", "a=\u{0}b", "\u{0}", "a=%ff", "a=%C3"])
    func `a pair that cannot be decoded is an error`(_ text: String) {
        #expect(throws: PercentCodingError.malformed) { _ = try pairs(text) }
    }

    @Test func `one pair too many is an error`() throws {
        #expect(try pairs("a&b", pairsMax: 2).count == 2)
        #expect(throws: PercentCodingError.tooManyPairs(pairsMax: 2)) { _ = try pairs("a&b&c", pairsMax: 2) }
    }
}
