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

    /// - Throws: `unauthenticated` on a route without a guard.
    func account() throws(Problem) -> AccountID {
        guard let principal else { throw Problem(.unauthenticated, "This needs an API key.") }
        return principal.accountID
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
