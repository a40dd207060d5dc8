internal import Core
internal import HTTP
internal import Studio
internal import Synchronization

/// `GET /api/v1/events`: a WebSocket with the events of all the caller's jobs, as text messages of JSON.
///
/// The first is `hello`; then come `timeline`, `progress`, `end` and `heartbeat`. A client keeps the `cursor` that it
/// saw last, and goes on after it by `?after=` or by sending `{"type":"resume","after":"…"}` at any time. Without
/// either the feed begins with what is new. Progress is put together where the client lags.
struct JobFeedRoute: Sendable {
    let jobs: JobService
    let origins: OriginPolicy
    let limits: WebSocketLimits

    /// Events read from the database at one time.
    static let pageSize = 100
    func open(
        _ context: RequestContext, after cursor: FeedCursor?, _ handshake: WebSocketHandshake
    ) async throws(Problem) -> Response {
        let account = try context.account()
        guard origins.permitsUpgrade(context.request.head, host: context.host, isSecure: context.isSecure) else {
            throw Problem(.foreignOrigin, "Pages of this origin may not open a WebSocket here.")
        }
        // Watching begins before the feed's end is read, so that nothing falls between the two.
        guard let watch = jobs.hub.watch(account) else {
            var problem = Problem(
                .tooManyRequests,
                "At most \(jobs.hub.watchersPerAccountMax) of these may be open, and none while the server shuts down.")
            problem.fields["Retry-After"] = Self.retrySeconds
            throw problem
        }
        let end: Int64
        do { end = try await jobs.feedEnd(of: account) } catch { throw Problem(error) }
        let feed = JobFeed(jobs: jobs, account: account, watch: watch, start: min(cursor?.position ?? end, end))
        let isOffered = handshake.protocols.contains(SocketCredential.subprotocol)
        return .webSocket(
            handshake, subprotocol: isOffered ? SocketCredential.subprotocol : nil, limits: limits
        ) { channel in try await feed.run(channel) }
    }

    private static let retrySeconds = "30"
}

/// One open feed.
private final class JobFeed: Sendable {
    private let jobs: JobService
    private let account: AccountID
    private let watch: JobWatch
    private let start: Int64
    /// Where the client wants to go on, until that is heeded.
    private let resumption = Mutex<FeedCursor?>(nil)

    init(jobs: JobService, account: AccountID, watch: JobWatch, start: Int64) {
        self.jobs = jobs
        self.account = account
        self.watch = watch
        self.start = start
    }

    /// Ends when the client or the server does.
    func run(_ channel: any WebSocketChannel) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.listen(to: channel) }
            group.addTask { try await self.tell(channel) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func listen(to channel: any WebSocketChannel) async throws {
        while let message = try await channel.receive() {
            guard let text = message.text, let cursor = JobFeedWire.resumption(text) else {
                return await channel.close(
                    .policyViolation, reason: "the only message taken is {\"type\":\"resume\",\"after\":\"<cursor>\"}")
            }
            resumption.withLock { $0 = cursor }
            watch.wake()
        }
    }

    private func tell(_ channel: any WebSocketChannel) async throws {
        var position = start
        try await send(JobFeedWire.hello(FeedCursor(position: position)), to: channel)
        _ = try await sendEvents(after: &position, to: channel)
        while let news = await watch.next() {
            if let cursor = takeResumption() {
                position = min(cursor.position, try await jobs.feedEnd(of: account))
                try await send(JobFeedWire.hello(FeedCursor(position: position)), to: channel)
            }
            var ended: Set<JobID> = []
            if news.timelineChanged || news.isHeartbeat {
                ended = try await sendEvents(after: &position, to: channel)
            }
            // Figures that were overtaken by their job's end would confuse.
            for progress in news.progress where !ended.contains(progress.job) {
                try await send(JobFeedWire.progress(progress), to: channel)
            }
            if news.isHeartbeat { try await send(JobFeedWire.heartbeat(FeedCursor(position: position)), to: channel) }
        }
        await channel.close(.goingAway, reason: "the server is shutting down")
    }

    /// - Returns: the jobs that ended.
    private func sendEvents(after position: inout Int64, to channel: any WebSocketChannel) async throws -> Set<JobID> {
        var ended: Set<JobID> = []
        while true {
            let entries = try await jobs.feed(of: account, after: position, limit: JobFeedRoute.pageSize)
            for entry in entries {
                for message in JobFeedWire.messages(entry) { try await send(message, to: channel) }
                position = entry.position
                if entry.endedJob != nil { ended.insert(entry.jobID) }
            }
            if entries.count < JobFeedRoute.pageSize { return ended }
        }
    }

    private func takeResumption() -> FeedCursor? {
        resumption.withLock { cursor in
            defer { cursor = nil }
            return cursor
        }
    }

    private func send(_ message: JSON, to channel: any WebSocketChannel) async throws {
        try await channel.send(WebSocketMessage(text: message.text))
    }
}
