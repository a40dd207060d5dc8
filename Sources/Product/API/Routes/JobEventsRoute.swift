internal import Core
internal import HTTP
internal import Studio

/// `GET /api/v1/jobs/{id}/events`: the job's timeline and progress as server-sent events until the job has ended.
///
/// `timeline` events carry the timeline's sequence as their id, so `Last-Event-ID` resumes without a gap;
/// `progress` events carry none; `end` is the last and carries the job.
struct JobEventsRoute: Sendable {
    let jobs: JobService

    func stream(_ context: RequestContext) async throws(Problem) -> Response {
        let id = try context.jobID()
        let account = try context.account()
        var after: Int64 = 0
        if let text = context.request.head.fields["Last-Event-ID"] {
            guard let sequence = Int64(text), sequence >= 0 else {
                throw Problem.field(.invalidField, "Last-Event-ID", "must be the id of an event of this stream")
            }
            after = sequence
        }
        do { _ = try await jobs.job(id, of: account) } catch { throw Problem(error) }
        // Watching begins before the timeline is read, so that nothing falls between the two.
        guard let signals = jobs.hub.watch(id) else {
            throw Problem(.overloaded, "The job is watched by too many streams, or the server is shutting down.")
        }
        let start = after
        var response = Response(
            status: 200,
            body: .stream(length: nil) { writer in
                try await send(id, of: account, after: start, signals: signals, to: writer)
            })
        response.fields["Content-Type"] = "text/event-stream"
        response.fields["Cache-Control"] = "no-store"
        // Tells nginx not to hold the stream back.
        response.fields["X-Accel-Buffering"] = "no"
        return response
    }

    private func send(
        _ id: JobID, of account: AccountID, after start: Int64, signals: AsyncStream<JobSignal>,
        to writer: any ResponseWriter
    ) async throws {
        var after = start
        if try await sendTimeline(id, of: account, after: &after, to: writer) { return }
        for await signal in signals {
            switch signal {
            case .progress(let fraction, let step):
                let data: JSON = ["progress": .number(fraction), "step": .string(step)]
                try await writer.write(ServerSentEvent(event: "progress", data: data.text).bytes)
            case .timelineChanged:
                if try await sendTimeline(id, of: account, after: &after, to: writer) { return }
            }
        }
    }

    /// - Returns: whether the job has ended and the stream with it.
    private func sendTimeline(
        _ id: JobID, of account: AccountID, after: inout Int64, to writer: any ResponseWriter
    ) async throws -> Bool {
        let (job, events) = try await jobs.events(of: id, account: account, after: after)
        for event in events {
            let data = JobWire.event(event).text
            try await writer.write(
                ServerSentEvent(id: String(event.sequence), event: "timeline", data: data).bytes)
            after = event.sequence
        }
        if job.state.hasEnded {
            try await writer.write(ServerSentEvent(event: "end", data: JobWire.summary(job).text).bytes)
            return true
        }
        // Also keeps proxies from closing a quiet stream.
        if events.isEmpty { try await writer.write(ServerSentEvent.comment("keep-alive")) }
        return false
    }
}
