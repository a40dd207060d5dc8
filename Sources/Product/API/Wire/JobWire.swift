internal import Core
internal import Studio

extension Identifier: ParameterValue, PathValue where Kind == JobKind {
    static var schema: Schema {
        .component(
            "JobID",
            .string(pattern: "^job_[0-9a-f]{32}$", meaning: "the id of a job") { JobID(parsing: $0) != nil })
    }
    static var absence: Problem { Problem(JobError.jobNotFound) }

    /// Where the job is found.
    var path: String { "/api/v1/jobs/\(text)" }
}

/// The JSON of jobs. Times are RFC 3339 in UTC; absent values are `null`, never left out.
enum JobWire {
    static let state = Schema.component("JobState", .choice(JobState.allCases.map(\.rawValue)))

    static let summaryProperties: [Schema.Property] = [
        .required("id", JobID.schema),
        .required("service", .reference("ServiceName")),
        .required("model", .string, "The model that computes it."),
        .required("state", state),
        .required("progress", .number(0...1)),
        .required("step", .string, "What is being done: `queued`, `claimed`, a step of the engine, or the last state."),
        .required("price", .integer(1...Int64.max), "In credits; held at submission, captured on success."),
        .required("options", .reference("JobOptions"), "With every default filled in."),
        .required("input", input),
        .required("attempt", .count, "0 before the first."),
        .required("notes", .list(of: .string), "Remarks, such as that channels were mixed down."),
        .required("error", failure.nullable, "Why a failed job failed."),
        .required("createdAt", .time),
        .required("startedAt", Schema.time.nullable),
        .required("endedAt", Schema.time.nullable),
        .required("expiresAt", Schema.time.nullable, "When the results are removed."),
    ]

    private static let input = Schema.object(
        "JobInput",
        [
            .required("name", .string(1...Int.max), "The file's name as the client gave it."),
            .required("bytes", .count),
            .required("sha256", .sha256),
            .required("container", .string),
            .required("codec", .string),
            .required("durationSeconds", .number(0...1e9)),
            .required("sampleRate", .count, "In hertz."),
            .required("channels", .count),
        ])

    private static let failure = Schema.object(
        "JobFailure",
        [
            .required("code", failureCode),
            .required("title", .string),
            .required("detail", .string),
        ])

    /// The problem codes that a job can fail with.
    static let failureCode = Schema.component(
        "JobFailureCode",
        .choice(
            [
                .emptyFile, .fileTooLarge, .unsupportedMedia, .mediaUnreadable, .mediaTruncated, .noAudioStream,
                .mediaTooLong, .tooManyChannels, .sampleRateOutOfRange, .unknownService, .invalidOption,
                .unknownModel, .modelNotInstalled, .engineFailed, .deadlineExceeded, .tooManyAttempts, .storageFull,
                .internalError,
            ].map { (code: ProblemCode) in code.rawValue }))

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

    static func time(_ time: Timestamp?) -> JSON { time.map { .string($0.description) } ?? .null }
}

/// A job without its timeline: in lists, in the answer to a cancellation and at the end of its stream.
struct JobSummary: JSONAnswer {
    static let schema = Schema.object("JobSummary", JobWire.summaryProperties)

    var job: Job

    var json: JSON { .object(JobWire.members(job)) }
}

/// A page of jobs.
struct JobPage: JSONAnswer {
    static let schema = Schema.object(
        "JobPage",
        [
            .required("jobs", .list(of: JobSummary.schema), "Newest first."),
            .required("nextCursor", JobID.schema.nullable, "The `cursor` of the next page."),
        ])

    var jobs: [Job]
    var next: JobID?

    var json: JSON {
        ["jobs": .array(jobs.map { JobSummary(job: $0).json }), "nextCursor": next.map { .string($0.text) } ?? .null]
    }
}

/// A job with its timeline, artefacts, place in the queue and estimate.
struct JobAnswer: JSONAnswer {
    static let schema = Schema.object(
        "Job",
        JobWire.summaryProperties + [
            .required("queuePosition", Schema.integer(1...Int64.max).nullable, "1 is next; null unless it is queued."),
            .required("etaSeconds", Schema.count.nullable, "At the pace so far; null before there is a pace."),
            .required("timeline", .list(of: JobEventWire.schema)),
            .required("artifacts", .list(of: artifact), "Empty until the job has completed."),
        ])

    private static let artifact = Schema.object(
        "Artifact",
        [
            .required("name", ArtifactName.schema),
            .required("mediaType", .string),
            .required("bytes", .count),
            .required("sha256", .sha256),
            .required("url", .string(format: "uri-reference")),
        ])

    static let links = [
        AnswerSpec.Link(operation: "getJob", parameters: [("id", "/id")]),
        AnswerSpec.Link(operation: "cancelJob", parameters: [("id", "/id")]),
        AnswerSpec.Link(operation: "followJob", parameters: [("id", "/id")]),
        AnswerSpec.Link(operation: "getArchive", parameters: [("id", "/id")]),
    ]

    var detail: JobDetail
    var now: Timestamp

    var json: JSON {
        var members = JobWire.members(detail.job)
        let position = detail.queuePosition.map { JSON.integer(Int64($0)) } ?? .null
        members.append(JSON.Member("queuePosition", position))
        members.append(JSON.Member("etaSeconds", eta))
        members.append(JSON.Member("timeline", .array(detail.events.map(JobEventWire.json))))
        members.append(JSON.Member("artifacts", .array(detail.artifacts.map(artifact))))
        return .object(members)
    }

    private func artifact(_ artifact: Artifact) -> JSON {
        [
            "name": .string(artifact.name), "mediaType": .string(artifact.mediaType),
            "bytes": .integer(artifact.byteCount), "sha256": .string(artifact.sha256),
            "url": .string("\(detail.job.id.path)/artifacts/\(artifact.name)"),
        ]
    }

    private var eta: JSON {
        let job = detail.job
        let claimed = detail.events.last { $0.kind == "claimed" && $0.attempt == job.attempt }
        guard job.state == .running, let startedAt = claimed?.at, job.progress >= 0.02 else { return .null }
        // The clock may have been set back since.
        let elapsed = max(0, now.seconds(since: startedAt))
        return .integer(Int64((elapsed * (1 - job.progress) / job.progress).rounded(.up)))
    }
}

/// The name of a result.
struct ArtifactName: PathValue {
    private static let lengthMax = 255

    static let schema = Schema.component(
        "ArtifactName",
        .string(pattern: "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,\(lengthMax - 1)}$", meaning: "the name of a result") {
            ArtifactName(parsing: $0) != nil
        })
    static var absence: Problem { Problem(JobError.artifactNotFound) }

    var text: String

    init?(parsing text: String) {
        guard text.utf8.allSatisfy({ $0.isNameByte || $0 == UInt8(ascii: ".") }),
            text.utf8.first != UInt8(ascii: "."), (1...Self.lengthMax).contains(text.utf8.count)
        else { return nil }
        self.text = text
    }
}
