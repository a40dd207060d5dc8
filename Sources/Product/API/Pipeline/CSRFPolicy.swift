internal import Core
public import HTTP
internal import Secrets

/// Whether a request that a session cookie authenticates was meant by a page of ours: a browser adds the cookie to the
/// requests of any page.
///
/// An unsafe request needs an origin that is not foreign, and in `X-CSRF-Token` a token that only a page which could
/// read an answer of ours has. A token is a nonce and the HMAC of both nonce and session: no table is kept, none fits
/// another session, and none shows the same bytes twice, so that the length of a compressed answer betrays nothing.
public struct CSRFPolicy: Sendable {
    public enum Verdict: Hashable, Sendable {
        case permitted
        case foreignOrigin
        case invalidToken
    }

    public static let field = "X-CSRF-Token"
    private static let nonceBytes = 16
    private static let purpose = "cadenza csrf 1"

    private let key: [UInt8]
    private let origins: OriginPolicy

    /// - Parameter key: secret, of at least 32 bytes; the same after a restart, and on every server of one site.
    public init(key: [UInt8], origins: OriginPolicy) {
        precondition(key.count >= 32, "a key of fewer than 32 bytes")
        self.key = key
        self.origins = origins
    }

    /// A new token for the holder of `session`.
    public func token(for session: String) -> String {
        let nonce = (0..<Self.nonceBytes).map { _ in UInt8.random(in: 0...255) }
        return Hexadecimal.encode(nonce + code(nonce, session))
    }

    /// - Parameters:
    ///   - host: the authority that the client used.
    ///   - isSecure: whether the client came over TLS.
    public func verdict(_ head: RequestHead, session: String, host: String?, isSecure: Bool) -> Verdict {
        // RFC 9110 §9.2.1.
        if ["GET", "HEAD", "OPTIONS", "TRACE"].contains(head.method) { return .permitted }
        guard origins.verdict(head, host: host, isSecure: isSecure) != .foreign else { return .foreignOrigin }
        let given = head.fields.values(Self.field)
        guard given.count == 1, let bytes = Hexadecimal.decode(given[0]),
            bytes.count == Self.nonceBytes + SHA256.byteCount
        else { return .invalidToken }
        let nonce = Array(bytes.prefix(Self.nonceBytes))
        let isValid = constantTimeEqual(Array(bytes.dropFirst(Self.nonceBytes)), code(nonce, session))
        return isValid ? .permitted : .invalidToken
    }

    private func code(_ nonce: [UInt8], _ session: String) -> [UInt8] {
        HMACSHA256.code(for: Array(Self.purpose.utf8) + nonce + Array(session.utf8), key: key)
    }

    func admit(_ context: RequestContext, session: String) throws(Problem) {
        switch verdict(context.request.head, session: session, host: context.host, isSecure: context.isSecure) {
        case .permitted: break
        case .foreignOrigin:
            throw Problem(.foreignOrigin, "A page of another origin asked for this with the cookie of this one.")
        case .invalidToken:
            throw Problem(.invalidCSRFToken, "Send the session's token as \(Self.field).")
        }
    }
}
