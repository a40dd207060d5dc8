import Secrets
import Testing

@Suite struct TokenTests {
    @Test func `a new token reads back and no two are equal`() {
        let tokens = (0..<64).map { _ in Token().text }
        #expect(Set(tokens).count == 64)
        #expect(tokens.allSatisfy { Token(parsing: $0)?.text == $0 && $0.hasPrefix("ck_") })
    }

    @Test(arguments: [
        "", "ck_", "ck_00", "xx_" + String(repeating: "0", count: 64), "ck_" + String(repeating: "0", count: 63),
        "ck_" + String(repeating: "0", count: 65), "ck_" + String(repeating: "A", count: 64),
        "ck_" + String(repeating: "é", count: 32),
    ])
    func `a text that is no token is refused`(text: String) {
        #expect(Token(parsing: text) == nil)
    }

    @Test func `the stored hash is the digest of the text`() throws {
        let token = try #require(Token(parsing: "ck_" + String(repeating: "0", count: 64)))
        #expect(token.storedHash == Hexadecimal.encode(SHA256.hash(of: token.text)))
        #expect(!token.storedHash.contains(token.text))
    }

    @Test func `a token in a log line is redacted`() {
        let token = Token()
        #expect(!"\(token)".contains(token.text) && !String(reflecting: token).contains(token.text))
    }
}
