internal import Core
internal import Studio

/// The JSON of jobs. Times are RFC 3339 in UTC; absent values are `null`, never left out.
enum JobWire {
    static func path(_ id: JobID) -> String { "/api/v1/jobs/\(id)" }

    /// A job without its timeline: in lists and in the answer to a submission.
    static func members(_ job: Job) -> [JSON.Member] {
        [
            JSON.Member("id", .string(job.id.text)),
            JSON.Member("service", .string(job.service)),
            JSON.Member("model", .string(job.model)),
            JSON.Member("state", .string(job.state.rawValue)),
            JSON.Member("progress", .number(job.progress)),
            JSON.Member("step", .string(job.step)),
            JSON.Member("price", .integer(job.price.credits)),
            JSON.Member("options", job.options),
            JSON.Member("input", input(job.input)),
            JSON.Member("attempt", .integer(Int64(job.attempt))),
            JSON.Member("notes", .array(job.notes.map(JSON.string))),
            JSON.Member("error", failure(job.failure)),
            JSON.Member("createdAt", time(job.createdAt)),
            JSON.Member("startedAt", time(job.startedAt)),
            JSON.Member("endedAt", time(job.endedAt)),
            JSON.Member("expiresAt", time(job.expiresAt)),
        ]
    }

    static func summary(_ job: Job) -> JSON { .object(members(job)) }

    /// A job with its timeline, artefacts, place in the queue and estimate.
    static func detail(_ detail: JobDetail, now: Timestamp) -> JSON {
        var members = members(detail.job)
        let position = detail.queuePosition.map { JSON.integer(Int64($0)) } ?? .null
        members.append(JSON.Member("queuePosition", position))
        members.append(JSON.Member("etaSeconds", eta(detail, now: now)))
        members.append(JSON.Member("timeline", .array(detail.events.map(event))))
        members.append(
            JSON.Member("artifacts", .array(detail.artifacts.map { artifact($0, of: detail.job.id) })))
        return .object(members)
    }

    static func event(_ event: JobEvent) -> JSON {
        [
            "sequence": .integer(event.sequence), "attempt": .integer(Int64(event.attempt)),
            "kind": .string(event.kind), "detail": event.detail, "at": time(event.at),
        ]
    }

    private static func artifact(_ artifact: Artifact, of job: JobID) -> JSON {
        [
            "name": .string(artifact.name), "mediaType": .string(artifact.mediaType),
            "bytes": .integer(artifact.byteCount), "sha256": .string(artifact.sha256),
            "url": .string("\(path(job))/artifacts/\(artifact.name)"),
        ]
    }

    private static func input(_ input: JobInput) -> JSON {
        [
            "name": .string(input.name), "bytes": .integer(input.byteCount),
            "sha256": .string(input.sha256), "container": .string(input.properties.container),
            "codec": .string(input.properties.codec),
            "durationSeconds": .number(input.properties.durationSeconds),
            "sampleRate": .integer(Int64(input.properties.sampleRate)),
            "channels": .integer(Int64(input.properties.channelCount)),
        ]
    }

    private static func failure(_ failure: JobFailure?) -> JSON {
        guard let failure else { return .null }
        return [
            "code": .string(failure.code.rawValue), "title": .string(failure.code.title),
            "detail": .string(failure.detail),
        ]
    }

    /// Seconds left at the pace so far; `null` before there is a pace.
    private static func eta(_ detail: JobDetail, now: Timestamp) -> JSON {
        let job = detail.job
        let claimed = detail.events.last { $0.kind == "claimed" && $0.attempt == job.attempt }
        guard job.state == .running, let startedAt = claimed?.at, job.progress >= 0.02 else { return .null }
        let elapsed = now.seconds(since: startedAt)
        return .integer(Int64((elapsed * (1 - job.progress) / job.progress).rounded(.up)))
    }

    static func time(_ time: Timestamp?) -> JSON { time.map { .string($0.description) } ?? .null }
}
