internal import COpenSSL

/// Bytes from the operating system's cryptographic generator, by way of libcrypto.
public enum RandomBytes {
    /// - Precondition: the generator answers; a machine without randomness must not hand out secrets.
    public static func make(count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            // SAFETY: the buffer holds `count` bytes.
            let status = RAND_bytes(buffer.baseAddress, Int32(count))
            precondition(status == 1, "no randomness available")
            written = count
        }
    }
}

/// An opaque credential: a prefix and 64 hexadecimal digits of 32 random bytes.
///
/// The text is shown to its owner once; only `storedHash` is kept.
public struct Token: Sendable {
    public static let apiKeyPrefix = "ck_"
    public static let randomBytesCount = 32

    /// What the owner presents.
    public let text: String

    /// A new token.
    public init(prefix: String = apiKeyPrefix) {
        text = prefix + Hexadecimal.encode(RandomBytes.make(count: Self.randomBytesCount))
    }

    /// `nil` unless `text` has the form of a token with this prefix.
    public init?(parsing text: String, prefix: String = apiKeyPrefix) {
        guard text.hasPrefix(prefix) else { return nil }
        let digits = text.utf8.dropFirst(prefix.utf8.count)
        guard digits.count == 2 * Self.randomBytesCount,
            digits.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) })
        else { return nil }
        self.text = text
    }

    /// The SHA-256 of the text in hexadecimal. 256 random bits need no slow or salted hash.
    public var storedHash: String { Hexadecimal.encode(SHA256.hash(of: text)) }
}

extension Token: CustomStringConvertible, CustomDebugStringConvertible {
    /// Redacted, so that a log line never carries a credential.
    public var description: String { "Token(redacted)" }
    public var debugDescription: String { description }
}
