/// What a server shows of itself, and which versions of TLS it speaks.
public struct TLSConfiguration: Hashable, Sendable {
    /// A certificate chain, the server's own first, and the key that belongs to it: two PEM files.
    public struct Identity: Hashable, Sendable {
        public var certificate: String
        public var key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    public enum Version: String, Hashable, Sendable {
        /// RFC 5246, with forward-secret AEAD ciphers only.
        case tls12 = "1.2"
        /// RFC 8446.
        case tls13 = "1.3"
    }

    /// A client gets the first whose certificate covers the name it asks for (RFC 6066 §3), else the first of all.
    public var identities: [Identity]
    public var lowestVersion = Version.tls12
    /// Sessions kept for clients of TLS 1.2 without tickets; others carry their own state.
    public var sessionsMax = 4096

    public init(_ identities: [Identity]) { self.identities = identities }
}

/// Why certificates cannot be used.
public struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file at fault.
    public let file: String
    public let message: String

    public var description: String { "\(file): \(message)" }
}
