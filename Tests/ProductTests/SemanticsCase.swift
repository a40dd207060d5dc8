/// A request to the product, and what RFC 9110 wants its answer to be.
///
/// Texts hold names in braces, such as `{notes}` for a path and `{notes.tag}` for its entity tag: `ServedProduct` knows
/// what they stand for.
struct SemanticsCase: Sendable {
    enum Want: Sendable {
        case equal(String)
        /// A list in which the member stands.
        case lists(String)
        /// A list in which it does not stand, or no list.
        case omits(String)
        case anything
        case nothing
    }

    enum Content: Sendable {
        case text(String)
        /// What the path of that name holds, decoded of its content coding.
        case whole(String)
        /// `multipart/byteranges` of these parts.
        case parts([(range: String, text: String)])
        /// A problem with that code.
        case problem(String)
        case none
    }

    /// With the section of RFC 9110, unless another is named.
    let rule: String
    /// Any of these.
    let statuses: [Int]
    let request: String
    var wants: [(field: String, want: Want)] = []
    var content: Content?
    var isHead = false
    /// The connection ends with the answer.
    var ends = false

    /// - Parameters:
    ///   - line: method and target; targets below `/api` get the credential of the account.
    ///   - fields: lines of the request's head.
    ///   - body: sent with its length.
    static func of(
        _ rule: String, _ statuses: Int..., line: String, _ fields: [String] = [], body: String? = nil,
        wants: [(field: String, want: Want)] = [], content: Content? = nil, ends: Bool = false
    ) -> SemanticsCase {
        var lines = ["\(line) HTTP/1.1", "Host: product.test"]
        let target = line.drop { $0 != " " }.dropFirst()
        let isOwn = ["/api/", "{artifact}", "{zip}", "{job}", "{events}"].contains { target.hasPrefix($0) }
        if isOwn, !fields.contains(where: { $0.hasPrefix("Authorization:") }) { lines.append("{key}") }
        lines += fields.filter { $0 != "Authorization:" }
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        return SemanticsCase(
            rule: rule, statuses: statuses, request: lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""),
            wants: wants, content: content, isHead: line.hasPrefix("HEAD "), ends: ends)
    }

    /// A POST of JSON.
    static func post(
        _ rule: String, _ status: Int, _ path: String = "/api/v1/quotes", _ fields: [String] = [],
        type: String? = "application/json", body: String = quote, wants: [(field: String, want: Want)] = [],
        content: Content? = nil, ends: Bool = false
    ) -> SemanticsCase {
        .of(
            rule, status, line: "POST \(path)", fields + (type.map { ["Content-Type: \($0)"] } ?? []), body: body,
            wants: wants, content: content, ends: ends)
    }

    static let quote = "{\"service\":\"separation\",\"durationSeconds\":60}"
}

/// A path of the product, with what is known of it beforehand.
struct SemanticsResource: Sendable {
    /// In braces, what `ServedProduct` knows it by.
    let name: String
    let methods: [String]
    var hasTag = true
    /// Whether it can be sent in gzip.
    var isText = false
    var takesRanges = false

    var path: String { "{\(name)}" }
    var allow: String { (methods + ["OPTIONS"]).sorted().joined(separator: ", ") }

    static let all = [
        SemanticsResource(name: "probe", methods: ["GET", "HEAD"], hasTag: false, isText: true),
        SemanticsResource(name: "metrics", methods: ["GET", "HEAD"], hasTag: false, isText: true),
        SemanticsResource(name: "document", methods: ["GET", "HEAD"], isText: true),
        SemanticsResource(name: "job", methods: ["DELETE", "GET", "HEAD"], hasTag: false, isText: true),
        SemanticsResource(name: "page", methods: ["GET", "HEAD"], isText: true, takesRanges: true),
        SemanticsResource(name: "asset", methods: ["GET", "HEAD"], isText: true, takesRanges: true),
        SemanticsResource(name: "notes", methods: ["GET", "HEAD"], isText: true, takesRanges: true),
        SemanticsResource(name: "sound", methods: ["GET", "HEAD"], takesRanges: true),
        SemanticsResource(name: "artifact", methods: ["GET", "HEAD"], takesRanges: true),
        SemanticsResource(name: "zip", methods: ["GET", "HEAD"], hasTag: false),
    ]
    /// Those that caches may keep, by their validators.
    static let tagged = all.filter(\.hasTag)
    static let ranged = all.filter(\.takesRanges)
}
