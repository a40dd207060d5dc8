/// How a response is framed (RFC 9112 §6.3, RFC 9110 §8.6) and what it says about the connection (RFC 9112 §9.3).
public struct ResponsePlan: Hashable, Sendable {
    public enum Framing: Hashable, Sendable {
        /// Neither Content-Length nor Transfer-Encoding.
        case none
        case length(Int)
        case chunked
        /// The end of the connection ends the content; only towards HTTP/1.0.
        case untilClose
    }

    /// The framing field to write. A response to HEAD has the field of the GET, yet no content.
    public let framing: Framing
    /// Whether any content is written; if not, the response ends with its head.
    public let sendsBody: Bool
    public let keepsAlive: Bool
    /// The `Connection` field to write, if any.
    public let connection: String?

    init(status: Int, length: Int?, isHead: Bool, minorVersion: Int, keepsAlive: Bool) {
        let bodiless = status < 200 || status == 204 || status == 304
        var keepsAlive = keepsAlive
        if bodiless {
            framing = .none
        } else if status == 205 {
            framing = .length(0)
        } else if let length {
            framing = .length(length)
        } else if isHead {
            framing = .none
        } else if minorVersion >= 1 {
            framing = .chunked
        } else {
            framing = .untilClose
            keepsAlive = false
        }
        sendsBody = !isHead && !bodiless && status != 205 && length != 0
        self.keepsAlive = keepsAlive
        let persistence = keepsAlive ? (minorVersion >= 1 ? nil : "keep-alive") : "close"
        connection =
            switch status {
            case 101: "Upgrade"
            // RFC 9110 §7.8: who sends Upgrade names it here.
            case 426: persistence.map { "\($0), Upgrade" } ?? "Upgrade"
            default: persistence
            }
    }
}
