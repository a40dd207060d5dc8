import FuzzInvariants
import HTTP
import Support
import Testing

/// What RFC 9110 says of two answers about one thing.
struct SemanticsPairsTests {
    private static let codings = ["", "Accept-Encoding: gzip\r\n"]

    /// Fields that tell one exchange from another.
    private static let passing = ["date", "x-request-id", "ratelimit", "ratelimit-policy"]

    private static func fields(_ answer: WireResponse) -> [String] {
        answer.fields.filter { !passing.contains($0.name.lowercased()) }
            .map { "\($0.name.lowercased()): \($0.value)" }.sorted()
    }

    private static func ask(
        _ product: ServedProduct, _ path: String, _ fields: String = "", method: String = "GET"
    ) throws -> WireResponse {
        let client = try WireClient(product.port)
        let text = "\(method) \(path) HTTP/1.1\r\nHost: product.test\r\n{key}\r\n\(fields)\r\n"
        try client.send(product.resolve(text))
        return try client.readResponse(toHead: method == "HEAD")
    }

    @Test func `HEAD has the fields of GET, whatever is asked along (§9.3.2)`() async throws {
        try await ServedProduct.serve { product in
            let asked = [
                "", "If-None-Match: *\r\n", "If-Match: \"another\"\r\n", "If-Modified-Since: {modified}\r\n",
                "Accept-Encoding: *;q=0\r\n",
            ]
            let others = ["/nowhere", "/api/v1/jobs?limit=x", "/api/v1/events", "{absent}", "{events}"]
            // What the metrics count moves with each request.
            let paths = SemanticsResource.all.filter { $0.name != "metrics" }.map(\.path) + others
            for path in paths {
                for fields in asked.flatMap({ one in Self.codings.map { one + $0 } }) {
                    let get = try Self.ask(product, path, fields)
                    let head = try Self.ask(product, path, fields, method: "HEAD")
                    #expect(head.status == get.status, "\(path) \(fields)")
                    // §9.3.2: what is known only once the content is made may be left out.
                    let known = Self.fields(get).filter { $0 != "transfer-encoding: chunked" }
                    let said = Self.fields(head).filter { $0 != "transfer-encoding: chunked" }
                    // A problem names its request, which moves the length of its gzip.
                    let isGuess = get.status >= 400 && get["Content-Encoding"] != nil
                    func compared(_ list: [String]) -> [String] {
                        isGuess ? list.filter { !$0.hasPrefix("content-length") } : list
                    }
                    #expect(compared(said) == compared(known), "\(path) \(fields)")
                }
            }
        }
    }

    @Test func `HEAD with a Range is HEAD without (§14.2)`() async throws {
        try await ServedProduct.serve { product in
            for resource in SemanticsResource.all where resource.name != "metrics" {
                for coding in Self.codings {
                    let plain = try Self.ask(product, resource.path, coding, method: "HEAD")
                    let ranged = try Self.ask(product, resource.path, coding + "Range: bytes=0-1\r\n", method: "HEAD")
                    #expect(ranged.status == 200)
                    #expect(Self.fields(ranged) == Self.fields(plain), "\(resource.name) \(coding)")
                }
            }
        }
    }

    @Test func `a 304 has the fields that a cache keeps of the 200 (§15.4.5)`() async throws {
        try await ServedProduct.serve { product in
            for resource in SemanticsResource.all {
                for coding in Self.codings {
                    let whole = try Self.ask(product, resource.path, coding)
                    let tag = whole["ETag"] ?? "*"
                    let known = try Self.ask(product, resource.path, coding + "If-None-Match: \(tag)\r\n")
                    #expect(known.status == 304 && known.body.isEmpty)
                    for field in ["Cache-Control", "Content-Location", "ETag", "Expires", "Vary"] {
                        #expect(known.values(field) == whole.values(field), "\(resource.name) \(coding) \(field)")
                    }
                }
            }
        }
    }

    @Test func `a 206 has them too, and together the parts are the whole (§15.3.7)`() async throws {
        try await ServedProduct.serve { product in
            for resource in SemanticsResource.ranged {
                let whole = try Self.ask(product, resource.path)
                let half = whole.body.count / 2
                let first = try Self.ask(product, resource.path, "Range: bytes=0-\(half - 1)\r\n")
                let rest = try Self.ask(product, resource.path, "Range: bytes=\(half)-\r\n")
                #expect(first.status == 206 && rest.status == 206)
                #expect(first.body + rest.body == whole.body, "\(resource.name)")
                for field in ["Cache-Control", "Content-Location", "ETag", "Expires", "Vary"] {
                    #expect(first.values(field) == whole.values(field), "\(resource.name) \(field)")
                }
            }
        }
    }

    @Test func `two codings have two tags, unless these are weak, and one content (§8.8.3.3)`() async throws {
        try await ServedProduct.serve { product in
            for resource in SemanticsResource.tagged where resource.isText {
                let plain = try Self.ask(product, resource.path)
                let coded = try Self.ask(product, resource.path, "Accept-Encoding: gzip\r\n")
                #expect(plain["Content-Encoding"] == nil)
                try #require(coded["Content-Encoding"] == "gzip", "\(resource.name)")
                let tags = (EntityTag(parsing: plain["ETag"] ?? ""), EntityTag(parsing: coded["ETag"] ?? ""))
                let (one, other) = (try #require(tags.0), try #require(tags.1))
                #expect(!one.matchesStrongly(other), "\(resource.name)")
                #expect(gunzip(coded.body) == plain.body, "\(resource.name)")
            }
        }
    }
}
