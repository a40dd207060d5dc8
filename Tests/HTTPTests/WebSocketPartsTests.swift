import Support
import Testing

@testable import HTTP

struct WebSocketMaskTests {
    @Test func `a mask comes off in pieces of any size at any place`() {
        let plain = (0..<301).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let key: [UInt8] = [0x12, 0x34, 0x56, 0x78]
        let masked = plain.enumerated().map { $1 ^ key[$0 % 4] }
        for cut in 0...masked.count {
            var mask = WebSocketMask(0x7856_3412)
            var bytes = masked
            bytes.withUnsafeMutableBytes {
                mask.apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[..<cut]))
                mask.apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[cut...]))
            }
            #expect(bytes == plain, "cut at \(cut)")
        }
    }
}

struct UTF8ValidatorTests {
    /// The standard library's validation is the reference.
    @Test func `every sequence of up to three bytes is judged as the standard library does`() {
        let heads: [UInt8] = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1]
        let bytes = heads + [0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
        for first in bytes {
            for second in bytes {
                for third in bytes {
                    for fourth in [0x41, 0x80, 0xBF, 0xC0] as [UInt8] {
                        let text = [first, second, third, fourth]
                        var validator = UTF8Validator()
                        let isValid = text.withUnsafeBytes { validator.accept($0) } && validator.isAtBoundary
                        #expect(isValid == (String(validating: text, as: UTF8.self) != nil), "\(text)")
                    }
                }
            }
        }
    }

    @Test func `long runs of ASCII are passed over, and what follows is not`() {
        for count in 0...40 {
            let text = Array(repeating: UInt8(0x61), count: count) + [0xC3]
            var validator = UTF8Validator()
            #expect(text.withUnsafeBytes { validator.accept($0) })
            #expect(!validator.isAtBoundary)
            #expect([UInt8(0x61)].withUnsafeBytes { !validator.accept($0) })
        }
    }
}

struct SHA1Tests {
    /// FIPS 180-2, appendix A, and its empty message.
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        (String(repeating: "a", count: 1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    ])
    func `published examples`(_ text: String, _ hash: String) {
        let digits = SHA1.hash(of: Array(text.utf8)).flatMap { [$0 >> 4, $0 & 15] }
        #expect(digits.map { String($0, radix: 16) }.joined() == hash)
    }
}

struct Base64Tests {
    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `published examples`(_ text: String, _ encoded: String) { #expect(Base64.encode(Array(text.utf8)) == encoded) }
}
