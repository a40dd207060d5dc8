internal import Core
internal import Studio

/// The JSON of a job's timeline and of its stream.
enum JobEventWire {
    /// One line of a job's timeline; the kind decides what its detail holds.
    static let schema = Schema.component(
        "JobEvent",
        .oneOf([
            line("JobQueued", ["queued"], [.required("price", .integer(1...Int64.max))]),
            line("JobMoved", ["claimed", "cancel_requested", "handed_back", "rescued", "results_removed"], []),
            line("JobStageEnded", ["loaded", "decoded", "separated"], [.required("seconds", .number(0...1e9))]),
            line("JobEncoded", ["encoded"], [.required("frames", .count)]),
            line("JobStored", ["stored"], [.required("artifacts", .list(of: stored))]),
            line("JobSettled", ["settled"], [.required("captured", .integer(1...Int64.max))]),
            line("JobAttemptFailed", ["attempt_failed"], failure),
            line("JobCanceled", ["canceled"], released),
            line("JobFailed", ["failed"], released + failure),
        ]))

    private static let stored = Schema.object(
        "StoredArtifact", [.required("name", ArtifactName.schema), .required("bytes", .count)])
    private static let released: [Schema.Property] = [
        .required("released", .integer(1...Int64.max), "Credits that were given back.")
    ]
    private static let failure: [Schema.Property] = [
        .required("code", JobWire.failureCode), .required("detail", .string),
    ]

    private static func line(_ name: String, _ kinds: [String], _ detail: [Schema.Property]) -> Schema {
        .object(
            name,
            [
                .required("sequence", .integer(1...Int64.max), "Counts from 1 within the job, without gaps."),
                .required("attempt", .count, "0 before the first."),
                .required("kind", .choice(kinds)),
                .required("detail", .object(detail)),
                .required("at", .time),
            ])
    }

    static func json(_ event: JobEvent) -> JSON {
        [
            "sequence": .integer(event.sequence), "attempt": .integer(Int64(event.attempt)),
            "kind": .string(event.kind), "detail": event.detail, "at": JobWire.time(event.at),
        ]
    }
}

/// The data of a `progress` event.
struct JobProgress: JSONAnswer {
    static let schema = Schema.object(
        "JobProgress", [.required("progress", .number(0...1)), .required("step", .string)])

    var fraction: Double
    var step: String

    var json: JSON { ["progress": .number(fraction), "step": .string(step)] }
}
