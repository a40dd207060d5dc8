public import Accounts
internal import Core
public import HTTP

/// A request on its way to its handler, with what the pipeline has found out about it.
public struct RequestContext: Sendable {
    public var request: Request
    public var id: String
    /// The values of the path's `{parameters}`.
    public var parameters: [String: String] = [:]
    /// Set where the route's guard asks for an account.
    public var principal: Principal?
    /// What proved the principal.
    public var credential: CredentialKind?
    /// Whether the client came over TLS, to us or to a trusted proxy.
    public var isSecure = false
    /// The authority that the client used.
    public var host: String?
    /// What the steps on the way in have to say in the answer, whatever it will be.
    var answerFields = HTTPFields()
    /// The answer is a file of the page.
    var isPage = false

    init(request: Request, id: String) {
        self.request = request
        self.id = id
        host = request.head.fields["Host"]
    }

    /// Looks past the trusted proxies: from here on, the client's address is the request's.
    mutating func findClient(_ proxies: TrustedProxies) {
        guard let client = proxies.client(peer: request.remoteAddress, fields: request.head.fields) else { return }
        request.remoteAddress = client.address.description
        request.remoteSubscriber = client.address.subscriber.description
        if let isSecure = client.isSecure { self.isSecure = isSecure }
        if let host = client.host { self.host = host }
    }

    /// - Throws: `unauthenticated` on a route without a guard.
    func account() throws(Problem) -> AccountID {
        guard let principal else { throw Problem(.unauthenticated, "This needs an API key.") }
        return principal.accountID
    }

    /// The body as a JSON object whose members are all among `known`.
    func object(known: [String], bytesMax: Int) async throws(Problem) -> JSON {
        let type = request.head.fields["Content-Type"]?.split(separator: ";").first.map(String.init) ?? ""
        guard type.equalsIgnoringASCIICase("application/json") else {
            throw Problem(.unsupportedMediaType, "The body must be application/json.")
        }
        let bytes: [UInt8]
        do { bytes = try await request.body.collect(bytesMax: bytesMax) } catch { throw Problem(error) }
        let body: JSON
        do { body = try JSONParser.parse(bytes) } catch { throw Problem(error) }
        guard let members = body.members else { throw Problem(.invalidJSON, "The body must be a JSON object.") }
        for member in members where !known.contains(member.name) {
            throw Problem.field(.unknownField, member.name, "is not known here")
        }
        return body
    }
}

extension JSON {
    func requiredString(_ name: String) throws(Problem) -> String {
        guard let value = self[name], value != .null else { throw .field(.missingField, name, "is required") }
        guard let text = value.string else { throw .field(.invalidField, name, "must be a string") }
        return text
    }
}

extension Response {
    /// A JSON answer that no cache keeps: it is one account's own.
    static func json(_ body: JSON, status: Int = 200) -> Response {
        var response = Response(status: status, body: .bytes(body.encoded))
        response.fields["Content-Type"] = "application/json"
        response.fields["Cache-Control"] = "no-store"
        return response
    }
}
