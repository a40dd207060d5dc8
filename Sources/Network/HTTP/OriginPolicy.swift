public import Core

/// Which web pages may use the server from a browser: its own, and those of an exact list.
///
/// One value for cross-origin reads (CORS), for the handshake of a WebSocket (RFC 6455 §10.2) and for unsafe requests
/// that a cookie authenticates.
public struct OriginPolicy: Sendable {
    public enum Verdict: Hashable, Sendable {
        /// No browser says that the request comes from a page: a program, or a person at the address bar.
        case unsaid
        case sameOrigin
        /// Of the list; the text is the Origin field to answer with.
        case listed(String)
        /// A page that is not known here, or one that hides where it comes from.
        case foreign
    }

    private let origins: Set<WebOrigin>

    public init(_ origins: [WebOrigin] = []) { self.origins = Set(origins) }

    public var isEmpty: Bool { origins.isEmpty }

    /// Where the request comes from, by `Origin` (RFC 6454 §7) and `Sec-Fetch-Site` (W3C Fetch Metadata §2.2).
    /// - Parameters:
    ///   - host: the authority that the client used, `head`'s Host unless a trusted proxy says otherwise.
    ///   - isSecure: whether the client came over TLS.
    public func verdict(_ head: RequestHead, host: String?, isSecure: Bool) -> Verdict {
        let given = head.fields.values("Origin")
        let site = head.fields["Sec-Fetch-Site"]
        guard let text = given.first else {
            return site == nil || site == "none" || site == "same-origin" ? .unsaid : .foreign
        }
        // RFC 6454 §6.2: browsers write an origin in one way only; what is written otherwise comes from none.
        guard given.count == 1, let origin = WebOrigin(text), origin.description == text else { return .foreign }
        if origins.contains(origin) { return .listed(text) }
        // What the browser computed holds also behind a proxy that ends TLS and does not say so.
        if site == "same-origin" { return .sameOrigin }
        guard site == nil, let host, WebOrigin(isSecure: isSecure, authority: host) == origin else { return .foreign }
        return .sameOrigin
    }

    /// Whether the handshake of a WebSocket may go on: from programs, from own pages and from those of the list.
    public func permitsUpgrade(_ head: RequestHead, host: String?, isSecure: Bool) -> Bool {
        verdict(head, host: host, isSecure: isSecure) != .foreign
    }
}
