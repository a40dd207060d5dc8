/// What is answered where a method meets no route (RFC 9110 §9.1, §9.3.7).
public enum MethodPolicy: Hashable, Sendable {
    /// 501: no resource here knows the method.
    case notImplemented
    /// 405, with this `Allow`.
    case notAllowed(allow: String)
    /// To OPTIONS: 204, with this `Allow`.
    case options(allow: String)

    /// What some resource may answer. TRACE is not among them: it would show a request's credentials to scripts;
    /// neither is CONNECT: this is no proxy.
    public static let implemented = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]

    /// - Parameter allowed: the methods of the resource, as `Router` gives them; `implemented` for the target `*`.
    public init(method: String, allowed: [String]) {
        let allow = Set(allowed).union(["OPTIONS"]).sorted().joined(separator: ", ")
        if method == "OPTIONS" {
            self = .options(allow: allow)
        } else if Self.implemented.contains(method) {
            self = .notAllowed(allow: allow)
        } else {
            self = .notImplemented
        }
    }
}
