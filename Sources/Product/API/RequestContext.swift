public import Accounts
public import Core
public import HTTP

/// A request on its way to its handler, with what the pipeline has found out about it.
public struct RequestContext: Sendable {
    public var request: Request
    public var id: RequestID
    /// The values of the path's `{parameters}`.
    public var parameters: [String: String] = [:]
    /// Set where the route's guard asks for an account.
    public var principal: Principal?
    /// What proved the principal.
    public var credential: CredentialKind?
    /// Whether the client came over TLS, to us or to a trusted proxy.
    public var isSecure: Bool
    /// The authority that the client used.
    public var host: String? { proxiedHost ?? request.head.fields["Host"] }
    private var proxiedHost: String?
    /// Whether GET is answered at the path: found out for other methods, as it decides their conditions.
    var isReadable = false
    /// The answer is a file of the page.
    var isPage = false

    init(request: consuming Request, id: RequestID) {
        isSecure = request.isSecure
        self.request = request
        self.id = id
    }

    /// Looks past the trusted proxies: from here on, the client's address is the request's.
    mutating func findClient(_ proxies: TrustedProxies) {
        guard !proxies.isEmpty else { return }
        guard let client = proxies.client(peer: request.remoteAddress, fields: request.head.fields) else { return }
        request.remoteAddress = client.address.description
        request.remoteSubscriber = client.address.subscriber.description
        if let isSecure = client.isSecure { self.isSecure = isSecure }
        proxiedHost = client.host
    }

    /// - Throws: `unauthenticated` on a route without a guard.
    func account() throws(Problem) -> AccountID {
        guard let principal else { throw Problem(.unauthenticated, "This needs an API key.") }
        return principal.accountID
    }
}

extension Response {
    /// A JSON answer that no cache keeps: it is one account's own.
    static func json(_ body: JSON, status: Int = 200) -> Response {
        json(body.encoded, status: status)
    }

    static func json(_ body: [UInt8], status: Int = 200) -> Response {
        Response(status: status, fields: jsonFields, body: .bytes(body))
    }

    private static let jsonFields = {
        var fields = HTTPFields()
        fields.append("Content-Type", "application/json")
        fields.append("Cache-Control", "no-store")
        return fields
    }()
}
