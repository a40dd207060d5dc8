import API
import Accounts
import Blobs
import Core
import Database
import HTTP
import JobQueue
import Ledger
import SQLite
import Studio
import Support
import Telemetry
import Testing
import Workers

/// The whole pipeline, from a request value to a response value, over the studio of `StudioFixture`.
struct PipelineFixture {
    let studio: StudioFixture
    let pipeline: Pipeline
    let account: AccountID
    let token: String

    init(
        credits: Int64 = 3, studio given: StudioFixture? = nil, limits: APILimits = APILimits(),
        options: PipelineOptions = PipelineOptions()
    ) async throws {
        studio = if let given { given } else { try await StudioFixture() }
        pipeline = try Pipeline(
            services: Services(
                accounts: studio.accounts, books: LedgerReader(database: studio.database, ledger: studio.ledger),
                jobs: studio.jobs, isReady: { true }),
            limits: limits, options: options, log: Logger(level: .error), metrics: Metrics(), time: studio.time)
        account = try await studio.account(credits: credits)
        token = try await studio.accounts.createKey(for: account, name: "test").token
    }

    /// A request without a credential.
    func sendAnonymous(_ path: String, address: String = "127.0.0.1", subscriber: String? = nil) async throws -> Answer
    {
        let head = RequestHead(method: "GET", target: path, path: path)
        let request = Request(head: head, remoteAddress: address, remoteSubscriber: subscriber)
        return try await Answer(await pipeline.respond(to: request))
    }

    func send(
        _ method: String, _ path: String, body: JSON? = nil, token: String? = nil, fields: [(String, String)] = []
    ) async throws -> Answer {
        try await send(
            method, path, bytes: body?.encoded, type: body == nil ? nil : "application/json", token: token,
            fields: fields)
    }

    func send(
        _ method: String, _ target: String, bytes: [UInt8]?, type: String?, token: String? = nil,
        fields: [(String, String)] = []
    ) async throws -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        let query: [QueryItem] =
            parts.count < 2
            ? []
            : parts[1].split(separator: "&").map { pair in
                let halves = pair.split(separator: "=", maxSplits: 1).map(String.init)
                return QueryItem(halves[0], halves.count > 1 ? halves[1] : "")
            }
        var head = RequestHead(method: method, target: target, path: parts[0], query: query)
        head.fields.append("Authorization", "Bearer \(token ?? self.token)")
        if let type { head.fields.append("Content-Type", type) }
        for (name, value) in fields { head.fields.append(name, value) }
        let body = bytes.map(RequestBody.init(oneByteAtATime:)) ?? .none
        return try await Answer(await pipeline.respond(to: Request(head: head, body: body)))
    }

    /// Submits `content` as a job's file.
    func submit(
        _ content: String = "audio", service: String = "separation", options: String? = nil,
        fields: [(String, String)] = []
    ) async throws -> Answer {
        var form = "--b\r\nContent-Disposition: form-data; name=\"service\"\r\n\r\n\(service)\r\n"
        if let options {
            form += "--b\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n\(options)\r\n"
        }
        form += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"song.wav\"\r\n"
        form += "Content-Type: audio/wav\r\n\r\n\(content)\r\n--b--\r\n"
        return try await send(
            "POST", "/api/v1/jobs", bytes: Array(form.utf8), type: "multipart/form-data; boundary=b", fields: fields)
    }
}

extension RequestBody {
    /// A body that arrives in the smallest pieces there are.
    init(oneByteAtATime bytes: [UInt8]) {
        let source = ByteSource(bytes)
        self.init(declaredLength: bytes.count) { () async throws(BodyError) -> [UInt8]? in await source.next() }
    }
}

private actor ByteSource {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    func next() -> [UInt8]? { rest.popFirst().map { [$0] } }
}

/// A response with its body read.
struct Answer {
    let status: Int
    let fields: HTTPFields
    let bytes: [UInt8]

    init(_ response: Response) async throws {
        status = response.status
        var fields = response.fields
        if let id = response.requestID { fields.append("X-Request-Id", id.text) }
        self.fields = fields
        switch response.body {
        case .empty, .webSocket: bytes = []
        case .bytes(let all): bytes = all
        case .file(let file, let offset, let length):
            let open = try #require(file as? OpenFile)
            bytes = try open.read(at: offset, count: length)
        case .stream(_, let send):
            let sink = Sink()
            try await send(sink)
            bytes = await sink.bytes
        }
    }

    var json: JSON { (try? JSONParser.parse(bytes)) ?? .null }
    var code: String? { json["code"]?.string }

    private actor Sink: ResponseWriter {
        var bytes: [UInt8] = []

        func write(_ piece: [UInt8]) async throws(WriteError) { bytes += piece }
    }
}

struct PipelineTests {
    @Test func `every answer carries a request id, problems carry the same one`() async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send("GET", "/nowhere")
        #expect(answer.status == 404)
        #expect(answer.code == "not_found")
        #expect(answer.fields["Content-Type"] == "application/problem+json")
        #expect(answer.json["requestId"]?.string == answer.fields["X-Request-Id"])
        #expect(answer.json["instance"]?.string == "/nowhere")
    }

    @Test func `a known path with another method answers 405 and says which it knows`() async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send("PUT", "/api/v1/jobs")
        #expect(answer.status == 405)
        #expect(answer.fields["Allow"] == "GET, HEAD, OPTIONS, POST")
    }

    @Test(arguments: ["BREW", "get", "PROPFIND"], ["/api/v1/jobs", "/nowhere"])
    func `a method that no resource knows answers 501 anywhere`(method: String, path: String) async throws {
        let answer = try await PipelineFixture().send(method, path)
        #expect(answer.status == 501)
        #expect(answer.code == "not_implemented")
    }

    @Test(arguments: ["", "Bearer", "Bearer nonsense", "Basic ck_00"])
    func `a credential that is missing or malformed is refused`(authorization: String) async throws {
        let api = try await PipelineFixture()
        var head = RequestHead(method: "GET", target: "/api/v1/jobs", path: "/api/v1/jobs")
        if !authorization.isEmpty { head.fields.append("Authorization", authorization) }
        let answer = try await Answer(await api.pipeline.respond(to: Request(head: head)))
        #expect(answer.status == 401)
        #expect(answer.fields["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
    }

    @Test func `two credentials are no credential`() async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send(
            "GET", "/api/v1/jobs", fields: [("Authorization", "Bearer \(api.token)")])
        #expect(answer.status == 401)
    }

    @Test func `a revoked key is refused at once`() async throws {
        let api = try await PipelineFixture()
        let key = try #require(try await api.studio.accounts.keys(of: api.account).first)
        #expect(try await api.send("GET", "/api/credits").status == 200)
        try await api.studio.accounts.revokeKey(key.id)
        #expect(try await api.send("GET", "/api/credits").status == 401)
    }

    @Test func `guessing keys is slowed down by address`() async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 2
        let api = try await PipelineFixture(limits: limits)
        let wrong = "ck_" + String(repeating: "0", count: 64)
        #expect(try await api.send("GET", "/api/credits", token: wrong).status == 401)
        #expect(try await api.send("GET", "/api/credits", token: wrong).status == 401)
        let third = try await api.send("GET", "/api/credits", token: wrong)
        #expect(third.status == 429)
        #expect(third.json["error"] == "Too many requests")
        #expect(third.fields["Retry-After"] == "60")
        #expect(third.fields["RateLimit-Policy"] == "\"credentials\";q=2;w=60")
        #expect(third.fields["RateLimit"] == "\"credentials\";r=0;t=60")
        // No key is looked at any more, be it a right one: else the next guess would be as fast as the first.
        #expect(try await api.send("GET", "/api/credits").status == 429)
        api.studio.time.advance(seconds: 60)
        #expect(try await api.send("GET", "/api/credits").status == 200)
    }

    @Test(arguments: [nil, "Basic ck_00", "Bearer"])
    func `requests without a credential are limited, and lock no key out`(authorization: String?) async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 2
        let api = try await PipelineFixture(limits: limits)
        func ask() async throws -> Answer {
            var head = RequestHead(method: "GET", target: "/api/credits", path: "/api/credits")
            if let authorization { head.fields.append("Authorization", authorization) }
            return try await Answer(await api.pipeline.respond(to: Request(head: head)))
        }
        for _ in 1...2 { #expect(try await ask().status == 401) }
        let third = try await ask()
        #expect(third.status == 429)
        #expect(third.fields["RateLimit-Policy"] == "\"address\";q=2;w=60")
        #expect(try await api.send("GET", "/api/credits").status == 200)
        #expect(try await api.send("GET", "/api/credits", token: "ck_wrong").status == 401)
    }

    @Test func `requests with a key do not count against their address`() async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 1
        let api = try await PipelineFixture(limits: limits)
        for _ in 1...5 { #expect(try await api.send("GET", "/api/credits").status == 200) }
        #expect(try await api.sendAnonymous("/readyz").status == 200)
    }

    @Test(arguments: ["/metrics", "/nowhere", "/api/v1/quotes"])
    func `what needs no key counts against the address`(path: String) async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 1
        let api = try await PipelineFixture(limits: limits)
        #expect(try await api.sendAnonymous(path).status != 429)
        #expect(try await api.sendAnonymous(path).status == 429)
        #expect(try await api.sendAnonymous(path, address: "127.0.0.2").status != 429)
    }

    @Test func `the addresses of one subscriber share a budget`() async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 1
        let api = try await PipelineFixture(limits: limits)
        func status(_ address: String, _ subscriber: String) async throws -> Int {
            try await api.sendAnonymous("/metrics", address: address, subscriber: subscriber).status
        }
        #expect(try await status("2001:db8::1", "2001:db8::") == 200)
        #expect(try await status("2001:db8::2", "2001:db8::") == 429)
        #expect(try await status("2001:db8:0:1::1", "2001:db8:0:1::") == 200)
    }

    @Test func `asking for what is not there locks no key out`() async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 1
        let api = try await PipelineFixture(limits: limits)
        for _ in 1...3 { _ = try await api.sendAnonymous("/favicon.ico") }
        #expect(try await api.send("GET", "/api/credits").status == 200)
    }

    @Test(arguments: ["/healthz", "/readyz"])
    func `the probes may be asked without limit`(path: String) async throws {
        var limits = APILimits()
        limits.anonymousRequestsPerMinute = 1
        let api = try await PipelineFixture(limits: limits)
        for _ in 1...400 { #expect(try await api.sendAnonymous(path).status == 200) }
    }

    @Test func `an account's requests are limited, its submissions apart`() async throws {
        var limits = APILimits()
        limits.requestsPerMinute = 1
        limits.submissionsPerMinute = 1
        let api = try await PipelineFixture(limits: limits)
        #expect(try await api.submit().status == 202)
        #expect(try await api.submit().status == 429)
        #expect(try await api.send("GET", "/api/v1/jobs").status == 200)
        #expect(try await api.send("GET", "/api/v1/jobs").status == 429)
    }

    @Test func `the paywall has a budget of its own`() async throws {
        var limits = APILimits()
        limits.paymentsPerMinute = 1
        let api = try await PipelineFixture(limits: limits)
        let body: JSON = ["service": "separation"]
        #expect(try await api.send("POST", "/api/paywall", body: body).status == 200)
        #expect(try await api.send("POST", "/api/paywall", body: body).status == 429)
        #expect(try await api.send("GET", "/api/credits").status == 200)
    }

    @Test func `a body in a content coding is refused`() async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send(
            "POST", "/api/paywall", body: ["service": "separation"], fields: [("Content-Encoding", "gzip")])
        #expect(answer.status == 415)
        #expect(answer.fields["Accept-Encoding"] == "identity")
        let second = try await api.send(
            "POST", "/api/paywall", body: ["service": "separation"],
            fields: [("Content-Encoding", "identity"), ("Content-Encoding", "gzip")])
        #expect(second.status == 415)
        let plain = try await api.send(
            "POST", "/api/paywall", body: ["service": "separation"], fields: [("Content-Encoding", "Identity")])
        #expect(plain.status == 200)
    }

    @Test(arguments: [("/api/v1/quotes", "application/json"), ("/api/v1/jobs", "multipart/form-data; boundary=b")])
    func `where a body is due one without a length is refused`(path: String, type: String) async throws {
        let api = try await PipelineFixture()
        let without = try await api.send("POST", path, bytes: nil, type: type)
        #expect(without.status == 411)
        #expect(without.code == "length_required")
        let empty = try await api.send("POST", path, bytes: [], type: type, fields: [("Content-Length", "0")])
        #expect(empty.status == 400)
        var head = RequestHead(method: "POST", target: path, path: path)
        head.fields.append("Authorization", "Bearer \(api.token)")
        head.fields.append("Content-Type", type)
        let chunked = RequestBody(declaredLength: nil) { () async throws(BodyError) -> [UInt8]? in nil }
        #expect(await api.pipeline.respond(to: Request(head: head, body: chunked)).status == 400)
        #expect(try await api.send("GET", "/api/v1/jobs").status == 200)
    }

    @Test func `what a client sent is not repeated to it without end`() async throws {
        let api = try await PipelineFixture()
        let names = (1...5000).map { "field\($0)" }
        let many = try await api.send(
            "POST", "/api/v1/quotes", body: .object(names.map { JSON.Member($0, .null) }))
        #expect(many.code == "unknown_field")
        // The missing service is one of them.
        #expect(many.json["errors"]?.array?.count == 17)
        #expect(many.json["errors"]?.array?.first?["field"] == "field1")
        #expect(many.json["errors"]?.array?.last == ["field": "", "detail": "and 4985 more"])
        #expect(many.bytes.count < 4096)
        let long = String(repeating: "ü", count: 30_000)
        let one = try await api.send("POST", "/api/v1/quotes", body: .object([JSON.Member(long, 1)]))
        #expect(one.code == "unknown_field")
        #expect(one.json["detail"]?.string == String(repeating: "ü", count: 1024) + "…")
        #expect(one.json["errors"]?.array?.first?["field"]?.string == String(repeating: "ü", count: 1024) + "…")
        let exact = String(repeating: "ü", count: 1024)
        let kept = try await api.send("POST", "/api/v1/quotes", body: .object([JSON.Member(exact, 1)]))
        #expect(kept.json["errors"]?.array?.first?["field"]?.string == exact)
    }

    @Test func `the server's own refusals are problems, and nothing of them is guessed`() async throws {
        #expect(Pipeline.standingFields.values("X-Content-Type-Options") == ["nosniff"])
        var options = PipelineOptions()
        options.origins = OriginPolicy([try #require(WebOrigin("https://app.example.com"))])
        let api = try await PipelineFixture(options: options)
        for isSecure in [false, true] {
            let refusal = Refusal(.uriTooLong, "too long")
            let answer = try await Answer(api.pipeline.answer(refusal, isSecure: isSecure))
            #expect(answer.status == 414)
            #expect(answer.code == "uri_too_long")
            #expect(answer.json["requestId"]?.string == answer.fields["X-Request-Id"])
            // RFC 6797 §7.1, §7.2
            let transport = isSecure ? ["max-age=31536000"] : []
            #expect(answer.fields.values("Strict-Transport-Security") == transport)
            #expect(!answer.fields.all.contains { $0.name.hasPrefix("Access-Control-") })
        }
    }

    @Test func `health needs no credential and readiness says whether the database answers`() async throws {
        let api = try await PipelineFixture()
        for path in ["/healthz", "/readyz", "/metrics"] {
            let head = RequestHead(method: "GET", target: path, path: path)
            #expect(await api.pipeline.respond(to: Request(head: head)).status == 200)
        }
    }
}
