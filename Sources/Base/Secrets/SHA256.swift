internal import COpenSSL

/// SHA-256 (FIPS 180-4) over any number of pieces: `update` as they come, `finalize` once.
public struct SHA256: ~Copyable {
    /// Bytes of a digest.
    public static let byteCount = 32

    // SAFETY: made in init, freed in deinit, never handed out; OpenSSL contexts are not shared between threads
    // because the value cannot be copied.
    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("SHA-256 could not be set up: out of memory or a crippled libcrypto")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        // SAFETY: `start` is readable for `bytes.count` bytes for the length of the call.
        let status = EVP_DigestUpdate(context, start, bytes.count)
        precondition(status == 1, "EVP_DigestUpdate failed")
    }

    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The 32 bytes of the digest.
    public consuming func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            // SAFETY: the buffer holds the 32 bytes that SHA-256 writes.
            let status = EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            precondition(status == 1, "EVP_DigestFinal_ex failed")
            count = Self.byteCount
        }
    }

    /// The digest of one piece.
    public static func hash(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bytes)
        return hasher.finalize()
    }

    public static func hash(of bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { hash(of: $0) }
    }

    /// The digest of a text's UTF-8.
    public static func hash(of text: String) -> [UInt8] { hash(of: Array(text.utf8)) }
}
