internal import Core
internal import HTTP

/// Answers to pages of other origins (WHATWG Fetch §3.2): those of an exact list may send credentials and read
/// answers; the others' browsers are told nothing.
struct CrossOrigin: Sendable {
    /// How long a browser may keep the answer to a preflight; Chromium keeps none longer.
    static let preflightSeconds = 7200
    private static let requestFields = [
        "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "Range",
        CSRFPolicy.field,
    ].joined(separator: ", ")
    private static let answerFields = [
        "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Location", "RateLimit",
        "RateLimit-Policy", "Retry-After", "X-Request-Id",
    ].joined(separator: ", ")

    let policy: OriginPolicy

    /// Adds what the page that asked may read of the answer.
    func finish(_ response: inout Response, _ context: RequestContext) {
        guard !policy.isEmpty else { return }
        response.fields.append("Vary", "Origin")
        guard let origin = listedOrigin(context) else { return }
        response.fields.append("Access-Control-Allow-Origin", origin)
        response.fields.append("Access-Control-Allow-Credentials", "true")
        response.fields.append("Access-Control-Expose-Headers", Self.answerFields)
    }

    /// The answer to OPTIONS (RFC 9110 §9.3.7); to a preflight also what the page may send, unless it asks for a method
    /// that the resource lacks: its browser then sends nothing.
    func answer(allow: String, _ context: RequestContext) -> Response {
        var response = Response(status: 204)
        response.fields.append("Allow", allow)
        guard !policy.isEmpty, let method = context.request.head.fields["Access-Control-Request-Method"] else {
            return response
        }
        response.fields.append("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
        // What OPTIONS * tells of is the server's, and a page can ask for nothing there.
        guard context.request.head.path != "*", allow.split(separator: ", ").contains(where: { $0 == method }),
            listedOrigin(context) != nil
        else { return response }
        response.fields.append("Access-Control-Allow-Methods", allow)
        response.fields.append("Access-Control-Allow-Headers", Self.requestFields)
        response.fields.append("Access-Control-Max-Age", String(Self.preflightSeconds))
        return response
    }

    private func listedOrigin(_ context: RequestContext) -> String? {
        let verdict = policy.verdict(context.request.head, host: context.host, isSecure: context.isSecure)
        if case .listed(let origin) = verdict { return origin }
        return nil
    }
}
