import Blobs
import Core
import HTTP
import Studio
import Support
import Testing

@testable import API

/// Answers are what the document says of them: each request of a table, by the checker of `Support`.
struct ConformanceTests {
    /// Everything that the routes answer well, each at least once, and every kind of refusal that needs no limits.
    @Test func `each route's answers conform to its own schema`() async throws {
        let api = try await PipelineFixture(credits: 50)
        let document = OpenAPIFixture(api.studio)
        let done = try await completed(api)
        let running = try await api.studio.submit(api.account, content: "running").id
        _ = try await api.studio.claim()
        let queued = try await api.studio.submit(api.account, content: "queued").id
        let absent = "/api/v1/jobs/job_0198f0f0f0f07000800000000000000f"
        let form = "multipart/form-data; boundary=b"
        let requests: [(String, String, body: String?, type: String, fields: [(String, String)])] = [
            ("GET", "/healthz", nil, "", []), ("GET", "/readyz", nil, "", []), ("GET", "/metrics", nil, "", []),
            ("GET", "/openapi.json", nil, "", []), ("GET", "/openapi.json", nil, "", [("If-Match", "\"x\"")]),
            ("GET", "/api/credits", nil, "", [("Accept-Encoding", "*;q=0")]),
            ("GET", "/healthz", nil, "", [("If-None-Match", "*")]),
            ("GET", "/readyz", nil, "", [("If-Match", "\"x\"")]),
            ("GET", "/api/credits", nil, "", [("If-None-Match", "*")]),
            ("GET", "/api/v1/jobs", nil, "", [("If-Match", "\"x\"")]),
            ("POST", "/api/v1/quotes", "{}", "application/json", [("If-Match", "*")]),
            ("DELETE", "/api/v1/jobs/\(queued)", nil, "", [("If-Match", "\"x\"")]),
            ("POST", "/api/v1/quotes", nil, "", []), ("POST", "/api/v1/jobs", nil, "", []),
            ("POST", "/api/paywall", "{}", "application/json", [("Content-Encoding", "gzip")]),
            ("GET", "/api/credits?limit=1", nil, "", []), ("GET", "/api/credits?userId=x", nil, "", []),
            ("GET", "/api/credits?limit=x&cursor=.", nil, "", []),
            ("POST", "/api/paywall", "{\"service\":\"separation\"}", "application/json", []),
            ("POST", "/api/paywall", "{\"service\":\"x\"}", "application/json", []),
            ("POST", "/api/paywall", "{", "application/json", []), ("POST", "/api/paywall", "{}", "text/plain", []),
            ("POST", "/api/v1/quotes", "{\"service\":\"separation\"}", "application/json", []),
            ("POST", "/api/v1/quotes", "{\"x\":1,\"durationSeconds\":-1}", "application/json", []),
            ("POST", "/api/v1/quotes?x=1", "{\"service\":\"separation\"}", "application/json", []),
            ("POST", "/api/v1/jobs", "--b--\r\n", form, []), ("POST", "/api/v1/jobs", "x", "text/plain", []),
            ("POST", "/api/v1/jobs", "--b--\r\n", form, [("Idempotency-Key", "ü")]),
            ("GET", "/api/v1/jobs", nil, "", []), ("GET", "/api/v1/jobs?limit=1&state=queued", nil, "", []),
            ("GET", "/api/v1/jobs?limit=101&state=x&y=1", nil, "", []),
            ("GET", "/api/v1/jobs/\(done)", nil, "", []), ("GET", "/api/v1/jobs/\(queued)", nil, "", []),
            ("GET", "/api/v1/jobs/\(running)", nil, "", []), ("GET", absent, nil, "", []),
            ("GET", "/api/v1/jobs/\(queued)/download", nil, "", []),
            ("DELETE", "/api/v1/jobs/\(done)", nil, "", []), ("DELETE", "/api/v1/jobs/\(queued)", nil, "", []),
            ("DELETE", "/api/v1/jobs/\(running)", nil, "", []), ("DELETE", absent, nil, "", []),
            ("GET", "/api/v1/jobs/\(done)/events", nil, "", []),
            ("GET", "/api/v1/jobs/\(queued)/events", nil, "", [("Last-Event-ID", "1")]),
            ("GET", "/api/v1/jobs/\(done)/events", nil, "", [("Last-Event-ID", "+1")]),
            ("GET", "/api/v1/jobs/\(done)/events?lastEventId=1", nil, "", []),
            ("GET", "/api/v1/events", nil, "", []),
            ("GET", "/api/v1/events?after=1", nil, "", JobFeedRouteTests.upgrade),
            ("GET", "/api/v1/events?after=01", nil, "", JobFeedRouteTests.upgrade),
            ("GET", "/api/v1/events", nil, "", JobFeedRouteTests.upgrade + [("Origin", "https://evil.example")]),
            ("GET", "/api/v1/jobs/\(done)/artifacts/vocals.wav", nil, "", []),
            ("GET", "/api/v1/jobs/\(done)/artifacts/vocals.wav", nil, "", [("Range", "bytes=1-2")]),
            ("GET", "/api/v1/jobs/\(done)/artifacts/vocals.wav", nil, "", [("Range", "bytes=1-2,4-5")]),
            ("GET", "/api/v1/jobs/\(done)/artifacts/vocals.wav", nil, "", [("Range", "bytes=99-")]),
            ("GET", "/api/v1/jobs/\(done)/artifacts/vocals.wav", nil, "", [("If-None-Match", "*")]),
            ("GET", "/api/v1/jobs/\(done)/artifacts/x", nil, "", []),
            ("GET", "/api/v1/jobs/\(done)/download", nil, "", []),
        ]
        var succeeded: Set<String> = ["submitJob"]
        for request in requests {
            let answer = try await api.send(
                request.0, request.1, bytes: request.body.map { Array($0.utf8) },
                type: request.type.isEmpty ? nil : request.type, fields: request.fields)
            let path = String(request.1.prefix { $0 != "?" })
            #expect(document.faults(of: answer, to: request.0, path) == [], "\(request.0) \(request.1)")
            if answer.status < 300, let route = document.route(request.0, path) { succeeded.insert(route.id) }
        }
        #expect(succeeded == Set(document.routes.map(\.id)))
    }

    @Test func `what a submission is answered conforms to its schema`() async throws {
        let api = try await PipelineFixture(credits: 2)
        let document = OpenAPIFixture(api.studio)
        let key = [("Idempotency-Key", "k")]
        for (content, service, options, fields, status) in [
            ("audio", "separation", "{\"overlap\":0.25}", key, 202), ("audio", "separation", nil, [], 202),
            ("audio", "separation", "{\"overlap\":0.25}", key, 202), ("other", "separation", nil, key, 422),
            ("audio", "separation", nil, [], 402), ("audio", "juggling", nil, key, 404),
            ("audio", "separation", "{\"shifts\":9}", key, 400), ("audio", "separation", "{\"model\":\"x\"}", key, 400),
            ("audio", "separation", "{\"model\":\"absent\"}", key, 503),
        ] as [(String, String, String?, [(String, String)], Int)] {
            let answer = try await api.submit(content, service: service, options: options, fields: fields)
            #expect(answer.status == status)
            #expect(document.faults(of: answer, to: "POST", "/api/v1/jobs") == [], "\(content) \(service)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `each event of a job's stream conforms to its schema`() async throws {
        let api = try await PipelineFixture()
        let document = OpenAPIFixture(api.studio)
        let job = try await api.studio.submit(api.account).id
        let path = "/api/v1/jobs/\(job)/events"
        var head = RequestHead(method: "GET", target: path, path: path)
        head.fields.append("Authorization", "Bearer \(api.token)")
        let response = await api.pipeline.respond(to: Request(head: head))
        guard case .stream(_, let send) = response.body else {
            Issue.record("no stream, but \(response.status)")
            return
        }
        let (pieces, writer) = AsyncStream.makeStream(of: String.self)
        let sending = Task {
            defer { writer.finish() }
            try await send(Writer(pieces: writer))
        }
        var text = ""
        for await piece in pieces {
            text += piece
            if piece.contains("event: timeline") {
                api.studio.hub.progressed(0.5, step: "separate", of: job, account: api.account)
            } else if piece.contains("event: progress") {
                _ = try await api.studio.jobs.cancel(job, of: api.account)
            }
        }
        try await sending.value
        var whole = Response(status: 200, fields: response.fields, body: .bytes(Array(text.utf8)))
        whole.requestID = response.requestID
        let answer = try await Answer(whole)
        for event in ["timeline", "progress", "end"] { #expect(text.contains("event: \(event)\n")) }
        #expect(document.faults(of: answer, to: "GET", path) == [])
    }

    @Test func `refusals by guard and budget conform to the schema, in both APIs`() async throws {
        var limits = APILimits()
        limits.requestsPerMinute = 1
        limits.anonymousRequestsPerMinute = 100
        let api = try await PipelineFixture(limits: limits)
        let document = OpenAPIFixture(api.studio)
        for path in ["/api/credits", "/api/v1/jobs"] {
            let refused = try await api.send("GET", path, token: "ck_wrong")
            #expect(refused.status == 401)
            #expect(document.faults(of: refused, to: "GET", path) == [])
            _ = try await api.send("GET", path)
            let late = try await api.send("GET", path)
            #expect(late.status == 429)
            #expect(document.faults(of: late, to: "GET", path) == [])
            let method = try await api.send("PATCH", path)
            #expect(method.status == 405)
            #expect(document.faults(of: method, to: "GET", path) == [])
        }
    }

    private struct Writer: ResponseWriter {
        let pieces: AsyncStream<String>.Continuation

        func write(_ bytes: [UInt8]) async throws(WriteError) { pieces.yield(String(decoding: bytes, as: UTF8.self)) }
    }

    private func completed(_ api: PipelineFixture) async throws -> JobID {
        let job = try await api.studio.submit(api.account)
        let claim = try await api.studio.claim()
        let artifact = try api.studio.artifact("vocals.wav", content: "0123456789")
        let claimed = try await api.studio.jobs.job(of: claim)
        _ = try await api.studio.jobs.finish(
            claim, job: claimed, artifacts: [artifact], notes: ["a note"], processingSeconds: 1)
        return job.id
    }
}
