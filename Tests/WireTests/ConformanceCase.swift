/// Bytes on a connection, and what RFC 9110 and 9112 want to come back.
struct ConformanceCase: Sendable {
    enum End: Sendable {
        /// The connection takes another request.
        case open
        case closed
    }

    /// With the section; RFC 9112 unless another is named.
    let rule: String
    let bytes: [UInt8]
    /// For each answer in order, any of these statuses.
    let answers: [[Int]]
    let end: End
    /// Fields of the first answer; `nil` for one that must not be there.
    var fields: [String: String?] = [:]
    /// The content of the first answer.
    var body: String?
    /// The first answer is to HEAD.
    var isHead = false
    /// The client sends nothing more, not even the end of what it began.
    var halfCloses = false

    /// One refusal, the end of the connection, and nothing that stood behind it is answered.
    static func refused(_ rule: String, _ statuses: Int..., text: String, isHead: Bool = false) -> ConformanceCase {
        ConformanceCase(rule: rule, bytes: Array(text.utf8), answers: [statuses], end: .closed, isHead: isHead)
    }

    static func refused(_ rule: String, _ statuses: Int..., raw: [UInt8]) -> ConformanceCase {
        ConformanceCase(rule: rule, bytes: raw, answers: [statuses], end: .closed)
    }

    /// Each request gets its answer and the connection lives.
    static func kept(
        _ rule: String, _ statuses: Int..., text: String, fields: [String: String?] = [:], body: String? = nil,
        isHead: Bool = false
    ) -> ConformanceCase {
        ConformanceCase(
            rule: rule, bytes: Array(text.utf8), answers: statuses.map { [$0] }, end: .open, fields: fields,
            body: body, isHead: isHead)
    }

    /// The answers come and the connection ends.
    static func ended(
        _ rule: String, _ statuses: Int..., text: String, fields: [String: String?] = [:], body: String? = nil,
        halfCloses: Bool = false
    ) -> ConformanceCase {
        ConformanceCase(
            rule: rule, bytes: Array(text.utf8), answers: statuses.map { [$0] }, end: .closed, fields: fields,
            body: body, halfCloses: halfCloses)
    }
}

/// The shapes that the tables are written in.
extension ConformanceCase {
    static func get(_ fields: String = "X: y") -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n" }

    static func target(_ target: String, _ method: String = "GET") -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: a\r\n\r\n"
    }

    static func post(_ fields: String, _ body: String = "", path: String = "/echo") -> String {
        "POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
    }

    static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked", body) }

    static func file(_ fields: String, method: String = "GET", path: String = "/file") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n"
    }

    static func host(_ value: String) -> String { "GET /host HTTP/1.1\r\nHost: \(value)\r\n\r\n" }
}
