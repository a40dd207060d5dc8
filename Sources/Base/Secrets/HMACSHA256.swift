internal import COpenSSL

/// HMAC with SHA-256 (RFC 2104, FIPS 198-1).
public enum HMACSHA256 {
    /// The 32-byte code of `message` under `key` (any length, also empty).
    public static func code(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
            var written: UInt32 = 0
            // An empty array may have no address, and OpenSSL takes a nil key for "the previous one".
            let keyStorage = key.isEmpty ? [0] : key
            // SAFETY: the buffer holds the 32 bytes written; both inputs live for the length of the call.
            let answer = HMAC(
                EVP_sha256(), keyStorage, Int32(key.count), message, message.count, buffer.baseAddress, &written)
            precondition(answer != nil && written == SHA256.byteCount, "HMAC failed")
            count = Int(written)
        }
    }

    /// Whether `code` is the code of `message`, in time that does not depend on where they differ.
    public static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
        constantTimeEqual(code, Self.code(for: message, key: key))
    }
}

/// Whether two secrets are equal, in time that depends on their lengths only.
public func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    // SAFETY: both arrays hold `count` bytes for the length of the call.
    return CRYPTO_memcmp(left, right, left.count) == 0
}
