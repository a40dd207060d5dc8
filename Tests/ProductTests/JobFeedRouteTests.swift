import Core
import HTTP
import Ledger
import Studio
import Support
import Telemetry
import Testing

@testable import API

@Suite(.timeLimit(.minutes(1))) struct JobFeedRouteTests {
    static let upgrade = [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]

    /// Opens the feed as a client does.
    private static func request(
        _ target: String = "/api/v1/events", fields: [(String, String)], without: Set<String> = []
    ) -> Request {
        let parts = target.split(separator: "?").map(String.init)
        let query = parts.dropFirst().map { pair in
            let halves = pair.split(separator: "=").map(String.init)
            return QueryItem(halves[0], halves[1])
        }
        var head = RequestHead(method: "GET", target: target, path: parts[0], query: Array(query))
        let handshake = [("Host", "cadenza.example")] + upgrade
        for (name, value) in handshake + fields where !without.contains(name) { head.fields.append(name, value) }
        return Request(head: head)
    }

    private static func bearer(_ api: PipelineFixture) -> [(String, String)] {
        [("Authorization", "Bearer \(api.token)")]
    }

    /// Runs the feed over a channel while `body` plays the client; the client leaves at the end.
    private static func follow(
        _ api: PipelineFixture, after cursor: String? = nil, _ body: (ChannelDouble) async throws -> Void
    ) async throws {
        let target = "/api/v1/events" + (cursor.map { "?after=\($0)" } ?? "")
        let response = await api.pipeline.respond(to: request(target, fields: bearer(api)))
        let upgrade = try Answer.upgrade(response)
        let channel = ChannelDouble()
        async let served: Void = upgrade.handler(channel)
        try await body(channel)
        channel.leave()
        try await served
    }

    private static func type(_ message: JSON) -> String { message["type"]?.string ?? "?" }

    @Test func `a new client hears hello, then what is new, each with the cursor to go on from`() async throws {
        let api = try await PipelineFixture()
        _ = try await api.studio.submit(api.account, content: "before")
        try await Self.follow(api) { client in
            #expect(await client.hear().text == #"{"type":"hello","cursor":"1"}"#)
            let job = try await api.studio.submit(api.account)
            let event = await client.hear()
            #expect(Self.type(event) == "timeline")
            #expect(event["job"]?.string == job.id.text)
            #expect(event["cursor"]?.string == "2")
            #expect(event["event"]?["kind"]?.string == "queued")
            #expect(event["event"]?["sequence"] == .integer(1))
        }
    }

    @Test func `a job's whole life passes by, and its end carries the job`() async throws {
        let api = try await PipelineFixture()
        try await Self.follow(api) { client in
            _ = await client.hear()
            let job = try await api.studio.submit(api.account)
            #expect(await client.hear()["event"]?["kind"]?.string == "queued")
            let claim = try await api.studio.claim()
            #expect(await client.hear()["event"]?["kind"]?.string == "claimed")
            let running = try await api.studio.jobs.job(of: claim)
            try await api.studio.jobs.progress(0.5, step: "separating", of: running, isKept: false)
            let progress = await client.hear()
            #expect(
                progress.text
                    == #"{"type":"progress","job":"\#(job.id.text)","progress":0.5,"step":"separating"}"#)
            _ = try await api.studio.jobs.finish(
                claim, job: running, artifacts: [try api.studio.artifact("vocals.wav")], notes: [],
                processingSeconds: 1)
            #expect(await client.hear()["event"]?["kind"]?.string == "stored")
            let settled = await client.hear()
            #expect(settled["event"]?["kind"]?.string == "settled")
            #expect(settled["cursor"] == .null)
            let end = await client.hear()
            #expect(Self.type(end) == "end")
            #expect(end["cursor"]?.string == "4")
            #expect(end["summary"]?["state"]?.string == "completed")
        }
    }

    @Test func `a client goes on after its cursor, and hears nothing twice`() async throws {
        let api = try await PipelineFixture()
        let first = try await api.studio.submit(api.account, content: "one")
        let second = try await api.studio.submit(api.account, content: "two")
        try await Self.follow(api, after: "1") { client in
            #expect(await client.hear()["cursor"]?.string == "1")
            #expect(await client.hear()["job"]?.string == second.id.text)
            client.say(#"{"type":"resume","after":"0"}"#)
            #expect(await client.hear().text == #"{"type":"hello","cursor":"0"}"#)
            #expect(await client.hear()["job"]?.string == first.id.text)
            #expect(await client.hear()["job"]?.string == second.id.text)
        }
        try await Self.follow(api, after: "2") { client in
            #expect(await client.hear()["cursor"]?.string == "2")
            api.studio.hub.heartbeat()
            #expect(await client.hear().text == #"{"type":"heartbeat","cursor":"2"}"#)
            #expect(client.unheard == [])
        }
    }

    @Test func `a cursor of the future is taken for the present`() async throws {
        let api = try await PipelineFixture()
        _ = try await api.studio.submit(api.account)
        try await Self.follow(api, after: "999") { client in
            #expect(await client.hear()["cursor"]?.string == "1")
        }
    }

    @Test func `more events than a page holds all come, in order`() async throws {
        let api = try await PipelineFixture(credits: 300)
        for number in 0..<JobFeedRoute.pageSize + 5 {
            _ = try await api.studio.submit(api.account, content: "\(number)")
        }
        try await Self.follow(api, after: "0") { client in
            _ = await client.hear()
            for position in 1...JobFeedRoute.pageSize + 5 {
                #expect(await client.hear()["cursor"]?.string == "\(position)")
            }
        }
    }

    @Test func `nobody hears of another account's jobs`() async throws {
        let api = try await PipelineFixture()
        let other = try await api.studio.account(credits: 3, email: "other@example.org")
        try await Self.follow(api, after: "0") { client in
            _ = await client.hear()
            _ = try await api.studio.submit(other, content: "theirs")
            let mine = try await api.studio.submit(api.account, content: "mine")
            let event = await client.hear()
            #expect(event["job"]?.string == mine.id.text)
            #expect(event["cursor"]?.string == "1")
        }
    }

    @Test func `events that another server wrote come with the next heartbeat`() async throws {
        let api = try await PipelineFixture()
        // The same database, another hub.
        let neighbour = JobService(
            database: api.studio.database, ledger: api.studio.ledger, queue: api.studio.queue, blobs: api.studio.blobs,
            disk: BlockingPool(name: "disk", threads: 1), services: [StudioFixture.separation], limits: JobLimits(),
            inspector: ScriptedInspector(answer: .failure(.jobNotFound)), hub: JobEventHub(), time: api.studio.time,
            wakeWorkers: {})
        let job = try await api.studio.submit(api.account)
        try await Self.follow(api) { client in
            _ = await client.hear()
            _ = try await neighbour.cancel(job.id, of: api.account)
            api.studio.hub.heartbeat()
            #expect(await client.hear()["event"]?["kind"]?.string == "canceled")
            #expect(Self.type(await client.hear()) == "end")
            #expect(Self.type(await client.hear()) == "heartbeat")
        }
    }

    @Test func `a closing hub says going away`() async throws {
        let api = try await PipelineFixture()
        let upgrade = try Answer.upgrade(await api.pipeline.respond(to: Self.request(fields: Self.bearer(api))))
        let channel = ChannelDouble()
        async let served: Void = upgrade.handler(channel)
        _ = await channel.hear()
        api.studio.hub.close()
        try await served
        #expect(channel.closeCode == .goingAway)
    }

    @Test(arguments: [
        "hello", "{}", #"{"type":"resume"}"#, #"{"type":"resume","after":1}"#, #"{"type":"resume","after":"-1"}"#,
        #"{"type":"resume","after":"01"}"#, #"{"type":"resume","after":"1","more":1}"#, #"{"type":"ping","after":"1"}"#,
    ])
    func `a message that is no resumption ends the feed`(_ text: String) async throws {
        let api = try await PipelineFixture()
        let upgrade = try Answer.upgrade(await api.pipeline.respond(to: Self.request(fields: Self.bearer(api))))
        let channel = ChannelDouble()
        channel.say(text)
        try await upgrade.handler(channel)
        #expect(channel.closeCode == .policyViolation)
    }

    @Test func `an account has so many feeds and no more, and gets a place back`() async throws {
        let api = try await PipelineFixture()
        var open: [Response] = []
        for _ in 0..<api.studio.hub.watchersPerAccountMax {
            open.append(await api.pipeline.respond(to: Self.request(fields: Self.bearer(api))))
        }
        #expect(open.allSatisfy { $0.status == 101 })
        let refused = await api.pipeline.respond(to: Self.request(fields: Self.bearer(api)))
        #expect(refused.status == 429)
        #expect(refused.fields["Retry-After"] == "30")
        open.removeLast()
        #expect(await api.pipeline.respond(to: Self.request(fields: Self.bearer(api))).status == 101)
    }

    // MARK: The handshake

    @Test func `a browser's key comes as a subprotocol, which is never answered`() async throws {
        let api = try await PipelineFixture()
        let offer = [("Sec-WebSocket-Protocol", "cadenza.v1, bearer.\(api.token)")]
        let response = await api.pipeline.respond(to: Self.request(fields: offer))
        #expect(response.status == 101)
        #expect(response.fields["Sec-WebSocket-Protocol"] == "cadenza.v1")
        let withoutUpgrade = await api.pipeline.respond(to: Self.request(fields: offer, without: ["Upgrade"]))
        #expect(withoutUpgrade.status == 401)
        let wrong = Self.request(fields: [("Sec-WebSocket-Protocol", "cadenza.v1, bearer.ck_wrong")])
        #expect(await api.pipeline.respond(to: wrong).status == 401)
    }

    @Test func `without a credential nothing is opened`() async throws {
        let api = try await PipelineFixture()
        #expect(await api.pipeline.respond(to: Self.request(fields: [])).status == 401)
    }

    @Test func `a request for something else is told what is spoken here`() async throws {
        let api = try await PipelineFixture()
        for (without, more) in [(["Upgrade"], []), (["Sec-WebSocket-Version"], [("Sec-WebSocket-Version", "8")])]
            as [(Set<String>, [(String, String)])]
        {
            let plain = Self.request(fields: Self.bearer(api), without: without)
            var request = plain
            for (name, value) in more { request.head.fields.append(name, value) }
            let answer = try await Answer(await api.pipeline.respond(to: request))
            #expect(answer.status == 426)
            #expect(answer.code == "upgrade_required")
            #expect(answer.fields["Upgrade"] == "websocket")
            #expect(answer.fields["Sec-WebSocket-Version"] == "13")
        }
    }

    @Test(arguments: [
        ("http://cadenza.example", 101), ("https://evil.example", 403), ("null", 403),
        ("http://cadenza.example:8080", 403), ("https://listed.example", 101),
    ])
    func `only own pages and listed ones may open it from a browser`(_ origin: String, _ status: Int) async throws {
        var options = PipelineOptions()
        options.origins = OriginPolicy([try #require(WebOrigin("https://listed.example"))])
        let studio = try await StudioFixture()
        let api = try await PipelineFixture(studio: studio)
        let pipeline = try Pipeline(
            services: Services(
                accounts: studio.accounts, books: LedgerReader(database: studio.database, ledger: studio.ledger),
                jobs: studio.jobs, isReady: { true }),
            limits: APILimits(), options: options, log: Logger(level: .error), metrics: Metrics(), time: studio.time)
        let request = Self.request(fields: Self.bearer(api) + [("Origin", origin)])
        let answer = try await Answer(await pipeline.respond(to: request))
        #expect(answer.status == status)
        #expect(answer.code == (status == 403 ? "foreign_origin" : nil))
    }

    @Test(arguments: ["x", "-1", "01", "1.5", "1234567890123456789"])
    func `a cursor that was never given is refused`(_ cursor: String) async throws {
        let api = try await PipelineFixture()
        let request = Self.request("/api/v1/events?after=\(cursor)", fields: Self.bearer(api))
        let answer = try await Answer(await api.pipeline.respond(to: request))
        #expect(answer.status == 400)
        #expect(answer.code == "invalid_field")
    }

    // MARK: The echo

    @Test func `the echo is there in development only`() async throws {
        let studio = try await StudioFixture()
        for (isDevelopment, status) in [(false, 404), (true, 101)] {
            var options = PipelineOptions()
            options.servesDevelopmentRoutes = isDevelopment
            let pipeline = try Pipeline(
                services: Services(
                    accounts: studio.accounts, books: LedgerReader(database: studio.database, ledger: studio.ledger),
                    jobs: studio.jobs, isReady: { true }),
                limits: APILimits(), options: options, log: Logger(level: .error), metrics: Metrics(), time: studio.time
            )
            let response = await pipeline.respond(to: Self.request("/ws/echo", fields: []))
            #expect(response.status == status)
            guard isDevelopment else { continue }
            let upgrade = try Answer.upgrade(response)
            #expect(upgrade.limits.messageBytesMax >= 16 << 20)
            let channel = ChannelDouble()
            channel.say(#""back""#)
            async let served: Void = upgrade.handler(channel)
            #expect(await channel.hear() == .string("back"))
            channel.leave()
            try await served
        }
    }
}
