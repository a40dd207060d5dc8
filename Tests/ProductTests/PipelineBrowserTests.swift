import Accounts
import Core
import HTTP
import Testing

@testable import API

struct CrossOriginTests {
    private static let app = "https://app.example.com"

    private static func fixture(_ origins: String...) async throws -> StepFixture {
        var options = PipelineOptions()
        options.origins = OriginPolicy(origins.compactMap { WebOrigin($0) })
        return try await StepFixture(
            options: options, Route("GET", "/data") { _ throws(Problem) in text("data") },
            Route("POST", "/data") { _ throws(Problem) in throw Problem(.forbidden, "no") })
    }

    @Test(arguments: ["GET", "POST"]) func `a page of the list may read answers and refusals`(method: String)
        async throws
    {
        let answer = try await Self.fixture(Self.app).send(method, "/data", [("Origin", Self.app)])
        #expect(answer.fields["Access-Control-Allow-Origin"] == Self.app)
        #expect(answer.fields["Access-Control-Allow-Credentials"] == "true")
        let exposed = try #require(answer.fields["Access-Control-Expose-Headers"])
        for name in ["Location", "X-Request-Id", "RateLimit", "Retry-After", "ETag", "Content-Disposition"] {
            #expect(exposed.split(separator: ", ").contains { $0 == name }, "\(name)")
        }
        #expect(answer.fields.values("Vary").contains("Origin"))
    }

    @Test(arguments: ["https://evil.example", "null", "https://app.example.com.evil.example", "http://app.example.com"])
    func `other pages are told nothing, and caches that it depends on the page`(origin: String) async throws {
        let api = try await Self.fixture(Self.app)
        for answer in [
            try await api.send("GET", "/data", [("Origin", origin)]),
            try await api.send(
                "OPTIONS", "/data", [("Origin", origin), ("Access-Control-Request-Method", "POST")]),
        ] {
            #expect(!answer.fields.all.contains { $0.name.hasPrefix("Access-Control-") })
            #expect(answer.fields.values("Vary").contains("Origin"))
        }
    }

    @Test func `a preflight says what may be sent, by the routes of the path`() async throws {
        let fields = [
            ("Origin", Self.app), ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization"),
        ]
        let answer = try await Self.fixture(Self.app).send("OPTIONS", "/data", fields)
        #expect(answer.status == 204)
        #expect(answer.fields["Access-Control-Allow-Origin"] == Self.app)
        #expect(answer.fields["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST")
        let allowed = try #require(answer.fields["Access-Control-Allow-Headers"])
        for name in ["Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token", "Last-Event-ID"] {
            #expect(allowed.split(separator: ", ").contains { $0 == name }, "\(name)")
        }
        #expect(answer.fields["Access-Control-Max-Age"] == "\(CrossOrigin.preflightSeconds)")
        let vary = answer.fields.values("Vary").joined(separator: ", ")
        for name in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
            #expect(vary.contains(name))
        }
    }

    @Test(arguments: [("/data", "DELETE"), ("/data", "get"), ("/data", "TRACE"), ("*", "GET")])
    func `a preflight for what the path lacks is told of no methods, nor of how long that holds`(
        path: String, method: String
    ) async throws {
        let answer = try await Self.fixture(Self.app).send(
            "OPTIONS", path, [("Origin", Self.app), ("Access-Control-Request-Method", method)])
        #expect(answer.status == 204)
        for name in ["Allow-Methods", "Allow-Headers", "Max-Age"] {
            #expect(answer.fields["Access-Control-\(name)"] == nil, "\(name)")
        }
        #expect(answer.fields.values("Vary").joined().contains("Access-Control-Request-Method"))
    }

    @Test func `without a list nothing is said of origins at all`() async throws {
        let answer = try await Self.fixture().send("GET", "/data", [("Origin", Self.app)])
        #expect(!answer.fields.all.contains { $0.name.hasPrefix("Access-Control-") })
        #expect(answer.fields["Vary"] == nil)
    }
}

struct CSRFPolicyTests {
    private static let key = [UInt8](repeating: 7, count: 32)
    private let policy = CSRFPolicy(
        key: key, origins: OriginPolicy([WebOrigin("https://app.example.com")].compactMap { $0 }))

    private func verdict(
        _ method: String = "POST", token: String?..., session: String = "s1",
        origin: String? = "https://api.example.com",
        site: String? = nil
    ) -> CSRFPolicy.Verdict {
        var head = RequestHead(method: method, target: "/", path: "/")
        for token in token { if let token { head.fields.append(CSRFPolicy.field, token) } }
        if let origin { head.fields.append("Origin", origin) }
        if let site { head.fields.append("Sec-Fetch-Site", site) }
        return policy.verdict(head, session: session, host: "api.example.com", isSecure: true)
    }

    @Test(arguments: ["GET", "HEAD", "OPTIONS"]) func `a safe request needs nothing`(method: String) {
        #expect(verdict(method, token: nil, origin: "https://evil.example") == .permitted)
    }

    @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "BREW"])
    func `an unsafe request needs the session's token`(method: String) {
        let token = policy.token(for: "s1")
        #expect(verdict(method, token: token) == .permitted)
        #expect(verdict(method, token: nil) == .invalidToken)
        #expect(verdict(method, token: token, session: "s2") == .invalidToken)
        #expect(verdict(method, token: token, token) == .invalidToken)
    }

    @Test func `a token that is changed anywhere is none`() {
        let token = Array(policy.token(for: "s1"))
        for index in token.indices {
            var changed = token
            changed[index] = changed[index] == "0" ? "1" : "0"
            #expect(verdict(token: String(changed)) == .invalidToken, "at \(index)")
        }
        #expect(verdict(token: String(token.dropLast(2))) == .invalidToken)
        #expect(verdict(token: String(token) + "00") == .invalidToken)
        #expect(verdict(token: "") == .invalidToken)
        let other = CSRFPolicy(key: [UInt8](repeating: 8, count: 32), origins: OriginPolicy())
        #expect(verdict(token: other.token(for: "s1")) == .invalidToken)
    }

    @Test func `no two tokens of a session are alike`() {
        let tokens = Set((1...100).map { _ in policy.token(for: "s1") })
        #expect(tokens.count == 100)
        #expect(tokens.allSatisfy { verdict(token: $0) == .permitted })
    }

    @Test func `a page of another origin is refused even with a token`() {
        let token = policy.token(for: "s1")
        #expect(verdict(token: token, origin: "https://evil.example") == .foreignOrigin)
        #expect(verdict(token: token, origin: "null") == .foreignOrigin)
        #expect(verdict(token: token, origin: nil, site: "cross-site") == .foreignOrigin)
        #expect(verdict(token: token, origin: "https://app.example.com", site: "same-site") == .permitted)
        #expect(verdict(token: token, origin: nil) == .permitted)
    }
}

struct SessionTests {
    private let csrf = CSRFPolicy(key: [UInt8](repeating: 7, count: 32), origins: OriginPolicy())

    private func fixture(limits: APILimits = APILimits()) async throws -> StepFixture {
        var options = PipelineOptions()
        options.sessions = SessionCookies(cookie: "session", csrf: csrf) { session throws(Problem) in
            guard session == "good" else { return nil }
            let now = Timestamp(milliseconds: 0)
            return Principal(accountID: AccountID(at: now), keyID: APIKeyID(at: now))
        }
        let secrets = String(repeating: "secret ", count: 1000)
        return try await StepFixture(
            limits: limits, options: options,
            Route("POST", "/act", .account) { context throws(Problem) in
                text("\(context.credential.map { "\($0)" } ?? "none")")
            },
            Route("GET", "/read", .account) { _ throws(Problem) in text(secrets) })
    }

    @Test func `a session cookie is a credential, with its token on unsafe requests`() async throws {
        let api = try await fixture()
        let cookie = ("Cookie", "session=good")
        #expect(try await api.send("GET", "/read", [cookie]).status == 200)
        let refused = try await api.send("POST", "/act", [cookie])
        #expect(refused.status == 403)
        #expect(refused.code == "invalid_csrf_token")
        let token = (CSRFPolicy.field, csrf.token(for: "good"))
        #expect(try await api.send("POST", "/act", [cookie, token]).bytes == Array("session".utf8))
        let foreign = try await api.send("POST", "/act", [cookie, token, ("Origin", "https://evil.example")])
        #expect(foreign.code == "foreign_origin")
    }

    @Test func `a session that is unknown counts against the address, as a key does`() async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 1
        let api = try await fixture(limits: limits)
        #expect(try await api.send("GET", "/read", [("Cookie", "session=bad")]).status == 401)
        #expect(try await api.send("GET", "/read", [("Cookie", "session=bad")]).status == 429)
    }

    @Test func `where Authorization stands no cookie is looked at, and no token asked for`() async throws {
        let api = try await fixture()
        let account = try await api.studio.account(credits: 1)
        let key = try await api.studio.accounts.createKey(for: account, name: "k").token
        let fields = [("Authorization", "Bearer \(key)"), ("Cookie", "session=good")]
        #expect(try await api.send("POST", "/act", fields).bytes == Array("key".utf8))
        let wrong = [("Authorization", "Bearer ck_0"), ("Cookie", "session=good")]
        #expect(try await api.send("GET", "/read", wrong).status == 401)
    }

    @Test func `an answer to a session is compressed only for a page of this origin`() async throws {
        let api = try await fixture()
        let fields = [("Cookie", "session=good"), ("Accept-Encoding", "gzip")]
        #expect(try await api.send("GET", "/read", fields).fields["Content-Encoding"] == nil)
        for site in ["cross-site", "same-site", "none"] {
            let answer = try await api.send("GET", "/read", fields + [("Sec-Fetch-Site", site)])
            #expect(answer.fields["Content-Encoding"] == nil, "\(site)")
        }
        let own = try await api.send("GET", "/read", fields + [("Sec-Fetch-Site", "same-origin")])
        #expect(own.fields["Content-Encoding"] == "gzip")
    }
}

struct CompressionTests {
    private static let long = String(repeating: "{\"a\":1}", count: 1000)

    private static func answer(
        _ response: Response, _ fields: [(String, String)] = [("Accept-Encoding", "gzip")]
    ) async throws -> Answer {
        let api = try await StepFixture(Route("GET", "/") { _ throws(Problem) in response })
        return try await api.send("GET", "/", fields)
    }

    @Test(arguments: ["application/json", "text/plain; charset=utf-8", "application/problem+json"])
    func `text is sent in gzip to those who take it`(type: String) async throws {
        let packed = try await Self.answer(text(Self.long, type: type))
        #expect(packed.fields["Content-Encoding"] == "gzip")
        #expect(packed.bytes == gzip(Array(Self.long.utf8)))
        let plain = try await Self.answer(text(Self.long, type: type), [])
        #expect(plain.fields["Content-Encoding"] == nil)
        #expect(plain.bytes == Array(Self.long.utf8))
        for answer in [packed, plain] { #expect(answer.fields.values("Vary") == ["Accept-Encoding"]) }
    }

    @Test func `what is short, coded, of another type, a range or a stream is left alone`() async throws {
        let bytes = Array(Self.long.utf8)
        var coded = text(Self.long)
        coded.fields["Content-Encoding"] = "br"
        var part = text(Self.long)
        part.status = 206
        var stream = text("")
        stream.body = .stream(length: nil) { try await $0.write(bytes) }
        let huge = String(repeating: "a", count: Compression.bytesMax + 1)
        for response in [text("short"), coded, text(Self.long, type: "audio/wav"), part, stream, text(huge)] {
            let answer = try await Self.answer(response)
            #expect(answer.fields["Content-Encoding"] == response.fields["Content-Encoding"])
            #expect(answer.fields["Vary"] == nil)
        }
    }

    @Test(arguments: ["identity;q=0", "*;q=0", "gzip;q=0, identity;q=0", "br, *;q=0"])
    func `who refuses both codings is refused before a handler runs`(accepts: String) async throws {
        var options = PipelineOptions()
        options.site = OneFile()
        let api = try await StepFixture(
            options: options,
            Route("POST", "/act") { _ throws(Problem) in
                Issue.record("the handler ran")
                return text("done")
            })
        for (method, path) in [("POST", "/act"), ("GET", "/file")] {
            let answer = try await api.send(method, path, [("Accept-Encoding", accepts)])
            #expect(answer.status == 406, "\(path)")
            #expect(answer.code == "not_acceptable", "\(path)")
            #expect(answer.fields["Content-Encoding"] == nil)
        }
        #expect(try await api.send("GET", "/gone", [("Accept-Encoding", accepts)]).status == 404)
        #expect(try await api.send("GET", "/file", [("Accept-Encoding", "br")]).status == 200)
    }

    @Test func `who refuses answers without a coding gets the shortest in gzip`() async throws {
        let answer = try await Self.answer(text("short"), [("Accept-Encoding", "identity;q=0, gzip")])
        #expect(answer.fields["Content-Encoding"] == "gzip")
        #expect(answer.bytes == gzip(Array("short".utf8)))
        #expect(answer.fields.values("Vary") == ["Accept-Encoding"])
    }

    @Test func `a tag becomes weak, for it stands for both codings`() async throws {
        var response = text(Self.long)
        response.fields["ETag"] = "\"t\""
        #expect(try await Self.answer(response).fields["ETag"] == "W/\"t\"")
        #expect(try await Self.answer(response, []).fields["ETag"] == "\"t\"")
    }

    @Test func `what is kept compressed is kept by path and tag`() async throws {
        @Sendable func tagged(_ body: String, _ tag: String) -> Response {
            var response = text(body)
            response.fields["ETag"] = tag
            return response
        }
        let (one, two) = (Self.long + "1", Self.long + "2")
        let api = try await StepFixture(
            Route("GET", "/a") { _ throws(Problem) in tagged(one, "\"t\"") },
            Route("GET", "/b") { _ throws(Problem) in tagged(two, "\"t\"") })
        for _ in 1...2 {
            #expect(try await api.send("GET", "/a", [("Accept-Encoding", "gzip")]).bytes == gzip(Array(one.utf8)))
            #expect(try await api.send("GET", "/b", [("Accept-Encoding", "gzip")]).bytes == gzip(Array(two.utf8)))
        }
    }
}

struct RateLimitFieldsTests {
    @Test func `every answer of an account's route says what is left of its budget`() async throws {
        var limits = APILimits()
        limits.requestsPerMinute = 2
        let api = try await PipelineFixture(limits: limits)
        let first = try await api.send("GET", "/api/credits")
        #expect(first.fields["RateLimit-Policy"] == "\"account\";q=2;w=60")
        #expect(first.fields["RateLimit"] == "\"account\";r=1;t=60")
        api.studio.time.advance(seconds: 10)
        let second = try await api.send("GET", "/api/v1/jobs?limit=none")
        #expect(second.status == 400)
        #expect(second.fields["RateLimit"] == "\"account\";r=0;t=50")
        let third = try await api.send("GET", "/api/credits")
        #expect(third.status == 429)
        #expect(third.fields.values("RateLimit") == ["\"account\";r=0;t=50"])
        #expect(third.fields["Retry-After"] == "50")
        api.studio.time.advance(seconds: 50)
        #expect(try await api.send("GET", "/api/credits").status == 200)
    }

    @Test func `an answer to nobody in particular has no such fields`() async throws {
        let answer = try await PipelineFixture().sendAnonymous("/healthz")
        #expect(answer.fields["RateLimit"] == nil)
    }

    @Test func `an account's own answers are kept by no cache`() async throws {
        let api = try await PipelineFixture()
        #expect(try await api.send("GET", "/api/credits").fields["Cache-Control"] == "no-store")
    }
}
