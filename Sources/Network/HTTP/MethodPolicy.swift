/// What is answered where a method meets no route (RFC 9110 §9.1, §9.3.7).
public enum MethodPolicy: Hashable, Sendable {
    /// 501: no resource here knows the method.
    case notImplemented
    /// 405, with this `Allow`.
    case notAllowed(allow: String)
    /// To OPTIONS: 204, with this `Allow`.
    case options(allow: String)

    /// What some resource may answer. CONNECT is not among them: this is no proxy.
    public static let implemented = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    /// Known, and allowed by no resource (RFC 9110 §15.5.6): TRACE would show a request's credentials to scripts, and
    /// what is asked for here needs no QUERY.
    static let refused = ["QUERY", "TRACE"]

    /// - Parameter allowed: the methods of the resource, as `Router` gives them; `implemented` for the target `*`.
    public init(method: String, allowed: [String]) {
        let allow = Set(allowed).union(["OPTIONS"]).sorted().joined(separator: ", ")
        if method == "OPTIONS" {
            self = .options(allow: allow)
        } else if Self.implemented.contains(method) || Self.refused.contains(method) {
            self = .notAllowed(allow: allow)
        } else {
            self = .notImplemented
        }
    }
}
