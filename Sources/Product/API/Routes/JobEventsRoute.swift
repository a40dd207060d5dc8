internal import Core
internal import HTTP
internal import Studio

/// `GET /api/v1/jobs/{id}/events`: the job's timeline and progress as server-sent events until the job has ended.
///
/// `timeline` events carry the timeline's sequence as their id, so `Last-Event-ID` resumes without a gap;
/// `progress` events carry none and are put together where the client lags; `end` is the last and carries the job.
struct JobEventsRoute: Sendable {
    let jobs: JobService
    let retryMilliseconds: Int

    static let output = RouteOutput.response([
        AnswerSpec(
            status: 200, summary: "Events until the job has ended, each as the schema says.",
            content: [AnswerSpec.Content(mediaType: "text/event-stream", schema: event)], fields: [.noStore])
    ])
    private static let event = Schema.component(
        "JobStreamEvent",
        .oneOf([
            event("TimelineStreamEvent", "timeline", hasID: true, JobEventWire.schema),
            event("ProgressStreamEvent", "progress", hasID: false, JobProgress.schema),
            event("EndStreamEvent", "end", hasID: false, JobSummary.schema),
        ]))

    private static func event(_ name: String, _ type: String, hasID: Bool, _ data: Schema) -> Schema {
        let id = Schema.string(pattern: "^[1-9][0-9]*$", meaning: "a sequence")
        let words = hasID ? "The line's sequence." : "As a client remembers it: that of the line before."
        return .object(
            name,
            [
                Schema.Property(name: "id", schema: id.saying(words), isRequired: hasID),
                .required("event", .constant(.string(type))), .required("data", .encoded(data)),
            ])
    }

    func stream(
        _ context: RequestContext, _ id: JobID, after lastEventID: Int?, orAfter first: JobEventID?
    ) async throws(Problem) -> Response {
        let account = try context.account()
        do { _ = try await jobs.job(id, of: account) } catch { throw Problem(error) }
        // Watching begins before the timeline is read, so that nothing falls between the two.
        guard let watch = jobs.hub.watch(id) else {
            throw Problem(.overloaded, "The job is watched by too many streams, or the server is shutting down.")
        }
        // The field is the browser's own, of a connection that broke; the query is what it set out with.
        let start = lastEventID.map(Int64.init) ?? first?.sequence ?? 0
        var response = Response(
            status: 200,
            body: .stream(length: nil) { writer in
                try await send(id, of: account, after: start, watch: watch, to: writer)
            })
        response.fields["Content-Type"] = "text/event-stream"
        response.fields["Cache-Control"] = "no-store"
        // Tells nginx not to hold the stream back.
        response.fields["X-Accel-Buffering"] = "no"
        return response
    }

    private func send(
        _ id: JobID, of account: AccountID, after start: Int64, watch: JobWatch, to writer: any ResponseWriter
    ) async throws {
        var after = start
        try await writer.write(ServerSentEvent.retry(milliseconds: retryMilliseconds))
        if try await sendTimeline(id, of: account, after: &after, to: writer) { return }
        while let news = await watch.next() {
            if news.timelineChanged || news.isHeartbeat,
                try await sendTimeline(id, of: account, after: &after, to: writer)
            {
                return
            }
            for progress in news.progress {
                let data = JobProgress(fraction: progress.fraction, step: progress.step).json
                try await writer.write(ServerSentEvent(event: "progress", data: data.text).bytes)
            }
            // Keeps proxies from closing a quiet stream, and finds out that a client has gone.
            if news.isHeartbeat { try await writer.write(ServerSentEvent.comment("keep-alive")) }
        }
    }

    /// - Returns: whether the job has ended and the stream with it.
    private func sendTimeline(
        _ id: JobID, of account: AccountID, after: inout Int64, to writer: any ResponseWriter
    ) async throws -> Bool {
        let (job, events) = try await jobs.events(of: id, account: account, after: after)
        for event in events {
            let data = JobEventWire.json(event).text
            try await writer.write(
                ServerSentEvent(id: String(event.sequence), event: "timeline", data: data).bytes)
            after = event.sequence
        }
        guard job.state.hasEnded else { return false }
        try await writer.write(ServerSentEvent(event: "end", data: JobSummary(job: job).json.text).bytes)
        return true
    }
}

/// The id of an event of a job's stream; 0 is before the first.
struct JobEventID: ParameterValue {
    private static let range: ClosedRange<Int64> = 0...Int64.max
    static let schema = Schema.integer(range)

    var sequence: Int64

    init?(parsing text: String) {
        guard let sequence = Int64(text), Self.range.contains(sequence), text.utf8.first != 0x2B else {
            return nil
        }
        self.sequence = sequence
    }
}
