/// Which methods there are at all.
public enum MethodPolicy {
    /// What some resource may answer; another is unknown, 501, wherever it is sent (RFC 9110 §9.1). TRACE is not among
    /// them: it would show a request's credentials to scripts; neither is CONNECT: this is no proxy.
    public static let implemented: Set<String> = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
}
