import Core
import HTTP
import Synchronization
import Testing

@testable import API

/// A body of unknown length that says how much of it was read.
private final class CountedBody: Sendable {
    private let count = Mutex(0)

    var read: Int { count.withLock { $0 } }

    func body(declaredLength: Int?, bytes: Int) -> RequestBody {
        RequestBody(declaredLength: declaredLength) { [self] () async throws(BodyError) -> [UInt8]? in
            count.withLock { count in
                guard count < bytes else { return nil }
                count += 1
                return [0]
            }
        }
    }
}

struct PipelineDeadlineTests {
    private static func limits(_ seconds: Double) -> APILimits {
        var limits = APILimits()
        limits.answerSeconds = seconds
        return limits
    }

    /// Returns when its task is cancelled.
    private static func untilCancelled() async {
        let latch = AsyncStream<Void>.makeStream()
        await withTaskCancellationHandler {
            for await _ in latch.stream {}
        } onCancel: {
            latch.continuation.finish()
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [Guard.open, .probe])
    func `a handler that takes too long is cancelled and answered 503`(caller: Guard) async throws {
        let api = try await StepFixture(
            limits: Self.limits(0.05),
            Route("GET", "/slow", caller) { _ throws(Problem) in
                await Self.untilCancelled()
                throw Problem(.internalError, "interrupted")
            })
        let answer = try await api.send("GET", "/slow")
        #expect(answer.status == 503)
        #expect(answer.code == "answer_timeout")
    }

    @Test(.timeLimit(.minutes(1))) func `what a handler did in spite of its deadline is told`() async throws {
        let api = try await StepFixture(
            limits: Self.limits(0.05),
            Route("GET", "/slow") { _ throws(Problem) in
                await Self.untilCancelled()
                return text("done")
            })
        #expect(try await api.send("GET", "/slow").status == 200)
    }

    @Test func `a handler in time keeps its own refusal, however many there are`() async throws {
        let api = try await StepFixture(
            limits: Self.limits(60),
            Route("GET", "/refusing", .probe) { _ throws(Problem) in throw Problem(.forbidden, "no") },
            Route("GET", "/open") { _ throws(Problem) in throw Problem(.forbidden, "no") })
        for _ in 1...20 { #expect(try await api.send("GET", "/open").code == "forbidden") }
        #expect(try await api.send("GET", "/refusing").code == "forbidden")
    }
}

struct PipelineBodyLimitTests {
    private static let limits = {
        var limits = APILimits()
        limits.jsonBytesMax = 10
        limits.uploadBytesMax = 100
        return limits
    }()

    private static func fixture() async throws -> StepFixture {
        @Sendable func count(_ context: RequestContext) async throws(Problem) -> Response {
            do { return text("\(try await context.request.body.collect(bytesMax: 1000).count)") } catch {
                throw Problem(error)
            }
        }
        return try await StepFixture(
            limits: limits, Route("POST", "/small", .open, count),
            Route("POST", "/large", .open, budget: .submission, count))
    }

    @Test(arguments: [("/small", 10), ("/large", 100)])
    func `a body is refused by its length before it is read`(path: String, bytesMax: Int) async throws {
        let api = try await Self.fixture()
        let body = CountedBody()
        let refused = try await api.send(
            "POST", path, body: body.body(declaredLength: bytesMax + 1, bytes: bytesMax + 1))
        #expect(refused.status == 413)
        #expect(body.read == 0)
        let taken = try await api.send("POST", path, body: body.body(declaredLength: bytesMax, bytes: bytesMax))
        #expect(taken.bytes == Array("\(bytesMax)".utf8))
    }

    @Test func `a body of unknown length is read no further than its limit`() async throws {
        let api = try await Self.fixture()
        let body = CountedBody()
        let answer = try await api.send("POST", "/small", body: body.body(declaredLength: nil, bytes: 1000))
        #expect(answer.status == 413)
        #expect(body.read == 11)
    }
}

struct PipelineAddressTests {
    private static func limits(health: Int = 100, files: Int = 100, open: Int = 100) -> APILimits {
        var limits = APILimits()
        limits.healthRequestsPerMinute = health
        limits.staticRequestsPerMinute = files
        limits.anonymousRequestsPerMinute = open
        return limits
    }

    private static let routes = [
        Route("GET", "/probe", .probe) { _ throws(Problem) in text("up") },
        Route("GET", "/open") { context throws(Problem) in text(context.request.remoteAddress) },
    ]

    @Test func `probes, files and the rest have budgets of their own`() async throws {
        var options = PipelineOptions()
        options.site = OneFile()
        let api = try await StepFixture(
            limits: Self.limits(health: 1, files: 1, open: 1), options: options, Self.routes[0], Self.routes[1])
        for path in ["/probe", "/file", "/open"] { #expect(try await api.send("GET", path).status == 200, "\(path)") }
        for path in ["/probe", "/file", "/open"] {
            let answer = try await api.send("GET", path)
            #expect(answer.status == 429, "\(path)")
            #expect(answer.fields["Retry-After"] == "60")
        }
        #expect(try await api.send("GET", "/probe", address: "127.0.0.2").status == 200)
    }

    @Test func `behind a trusted proxy each client has its own budget, and its address is the one that is seen`()
        async throws
    {
        var options = PipelineOptions()
        options.proxies = TrustedProxies([IPRange("10.0.0.0/8")].compactMap { $0 })
        let api = try await StepFixture(limits: Self.limits(open: 1), options: options, Self.routes[1])
        func get(_ client: String, peer: String) async throws -> Answer {
            try await api.send("GET", "/open", [("X-Forwarded-For", client)], address: peer)
        }
        #expect(try await get("192.0.2.1", peer: "10.0.0.1").bytes == Array("192.0.2.1".utf8))
        #expect(try await get("192.0.2.2", peer: "10.0.0.1").status == 200)
        #expect(try await get("192.0.2.1", peer: "10.0.0.1").status == 429)
        // The addresses of one IPv6 subscriber share a budget.
        #expect(try await get("2001:db8::1", peer: "10.0.0.1").status == 200)
        #expect(try await get("2001:db8::2", peer: "10.0.0.1").status == 429)
        // Whoever comes directly is seen by his own address, whatever he claims.
        #expect(try await get("192.0.2.3", peer: "203.0.113.1").bytes == Array("203.0.113.1".utf8))
        #expect(try await get("192.0.2.4", peer: "203.0.113.1").status == 429)
    }

    @Test func `TLS is that of the connection, or what a trusted proxy says of it`() async throws {
        var options = PipelineOptions()
        options.proxies = TrustedProxies([IPRange("10.0.0.0/8")].compactMap { $0 })
        let api = try await StepFixture(options: options, Self.routes[0])
        func policy(_ fields: [(String, String)], peer: String, isSecure: Bool = false) async throws -> String? {
            try await api.send("GET", "/probe", fields, address: peer, isSecure: isSecure)
                .fields["Strict-Transport-Security"]
        }
        let https = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]
        let http = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "http")]
        #expect(try await policy([], peer: "192.0.2.1") == nil)
        #expect(try await policy(https, peer: "192.0.2.1") == nil)
        #expect(try await policy([], peer: "192.0.2.1", isSecure: true) == "max-age=31536000")
        #expect(try await policy(https, peer: "10.0.0.1") == "max-age=31536000")
        #expect(try await policy(http, peer: "10.0.0.1", isSecure: true) == nil)
    }
}

struct PipelineMethodTests {
    private static func fixture() async throws -> StepFixture {
        var options = PipelineOptions()
        options.site = OneFile()
        return try await StepFixture(
            options: options, Route("GET", "/both") { _ throws(Problem) in text("got") },
            Route("POST", "/both") { _ throws(Problem) in text("posted") },
            Route("DELETE", "/one") { _ throws(Problem) in text("deleted") })
    }

    @Test(arguments: [
        ("/both", "GET, HEAD, OPTIONS, POST"), ("/one", "DELETE, OPTIONS"), ("/file", "GET, HEAD, OPTIONS"),
        ("*", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ])
    func `OPTIONS says what may be done`(path: String, allow: String) async throws {
        let answer = try await Self.fixture().send("OPTIONS", path)
        #expect(answer.status == 204)
        #expect(answer.fields["Allow"] == allow)
        #expect(answer.bytes.isEmpty)
    }

    @Test func `OPTIONS of nothing finds nothing`() async throws {
        #expect(try await Self.fixture().send("OPTIONS", "/gone").status == 404)
    }

    @Test(arguments: [("PUT", "/both", 405), ("POST", "/file", 405), ("TRACE", "/both", 405), ("BREW", "/file", 501)])
    func `another method is refused, an unknown one as such`(method: String, path: String, status: Int) async throws {
        let answer = try await Self.fixture().send(method, path)
        #expect(answer.status == status)
        #expect((answer.fields["Allow"] != nil) == (status == 405))
    }

    @Test func `pages are told what to hold to, other answers that nothing is guessed`() async throws {
        let api = try await Self.fixture()
        let page = try await api.send("GET", "/file")
        let policy = try #require(page.fields["Content-Security-Policy"])
        #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self';"))
        #expect(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"))
        #expect(!policy.contains("unsafe"))
        #expect(page.fields["X-Frame-Options"] == "DENY")
        #expect(page.fields["Referrer-Policy"] == "strict-origin-when-cross-origin")
        #expect(page.fields["Cross-Origin-Opener-Policy"] == "same-origin")
        #expect(page.fields["Cross-Origin-Resource-Policy"] == "same-origin")
        #expect(page.fields["Permissions-Policy"]?.contains("microphone=()") == true)
        let answer = try await api.send("GET", "/both")
        #expect(answer.fields["Content-Security-Policy"] == nil)
    }
}
