public import Blobs
public import Core

public enum JobKind: IdentifierKind { public static let prefix: StaticString = "job" }
public typealias JobID = Identifier<JobKind>

public enum JobState: String, CaseIterable, Sendable {
    case queued, running, completed, failed, canceled

    public var hasEnded: Bool { self == .completed || self == .failed || self == .canceled }
}

/// What inspection found in an upload before a job is made of it.
public struct InputProperties: Hashable, Sendable {
    public var container: String
    public var codec: String
    public var durationSeconds: Double
    /// Hertz.
    public var sampleRate: Int
    public var channelCount: Int
    /// Remarks for the job, such as a mix-down.
    public var notes: [String]

    public init(
        container: String, codec: String, durationSeconds: Double, sampleRate: Int, channelCount: Int,
        notes: [String] = []
    ) {
        self.container = container
        self.codec = codec
        self.durationSeconds = durationSeconds
        self.sampleRate = sampleRate
        self.channelCount = channelCount
        self.notes = notes
    }
}

public struct JobInput: Hashable, Sendable {
    /// The file's name as the client gave it, for display only.
    public var name: String
    public var blob: Blob
    public var properties: InputProperties
    /// False once the file was removed, which happens when the job ends.
    public var isPresent = true

    public var byteCount: Int64 { blob.byteCount }
    /// 64 lower-case hexadecimal digits.
    public var sha256: String { blob.sha256 }
}

public struct JobFailure: Hashable, Sendable {
    public var code: ProblemCode
    /// For the job's owner: says what happened, never an internal cause.
    public var detail: String

    public init(code: ProblemCode, detail: String) {
        self.code = code
        self.detail = detail
    }
}

public struct Job: Sendable {
    public var id: JobID
    public var accountID: AccountID
    public var service: String
    public var model: String
    /// The options with every default filled in.
    public var options: JSON
    public var state: JobState
    public var price: CreditAmount
    public var holdID: String
    public var idempotencyKey: String?
    public var fingerprint: String
    public var input: JobInput
    /// 0 … 1.
    public var progress: Double
    public var step: String
    public var attempt: Int
    public var failure: JobFailure?
    public var notes: [String]
    public var createdAt: Timestamp
    public var startedAt: Timestamp?
    public var endedAt: Timestamp?
    /// When the results are removed.
    public var expiresAt: Timestamp?
    public var resultsRemovedAt: Timestamp?
}

/// One line of a job's timeline.
public struct JobEvent: Hashable, Sendable {
    /// Counts from 1 within the job, without gaps.
    public var sequence: Int64
    /// The attempt it belongs to; 0 before the first.
    public var attempt: Int
    public var kind: String
    public var detail: JSON
    public var at: Timestamp
}

/// One line of the feed that all events of an account's jobs make.
public struct FeedEntry: Sendable {
    /// Grows with every event of the account.
    public var position: Int64
    public var jobID: JobID
    public var event: JobEvent
    /// The job as it is now, where the event is the one that ended it.
    public var endedJob: Job?
}

/// A result file of a job.
public struct Artifact: Hashable, Sendable {
    public var name: String
    public var blob: Blob
    public var mediaType: String
    public var byteCount: Int64 { blob.byteCount }
    /// 64 lower-case hexadecimal digits.
    public var sha256: String { blob.sha256 }

    public init(name: String, blob: Blob, mediaType: String) {
        self.name = name
        self.blob = blob
        self.mediaType = mediaType
    }
}
