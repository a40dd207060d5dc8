import Secrets
import Testing

@Suite struct HexadecimalTests {
    @Test func `every byte survives the round trip`() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hexadecimal.decode(Hexadecimal.encode(bytes)) == bytes)
        #expect(Hexadecimal.decode("00fFA1") == [0x00, 0xFF, 0xA1])
    }

    @Test(arguments: ["0", "0g", "+1", " 0", "é"])
    func `what is not hexadecimal is refused`(text: String) {
        #expect(Hexadecimal.decode(text) == nil)
    }

    /// RFC 4648 §10, without padding; the last pair needs the URL-safe characters.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"),
    ])
    func `the published Base 64 texts come out`(plain: String, text: String) {
        #expect(Base64URL.encode(Array(plain.utf8)) == text)
    }

    @Test func `Base 64 uses the URL-safe alphabet`() {
        #expect(Base64URL.encode([0xFB, 0xFF, 0xFE]) == "-__-")
    }
}
