public import Blobs
public import Core
public import Database

/// Why a request about jobs is refused.
public enum JobError: Error, Sendable {
    case unknownService(String)
    case unknownField(String)
    case invalidField(name: String, reason: String)
    case invalidOption(name: String, reason: String)
    case unknownModel(String, known: [String])
    case modelNotInstalled(String)
    case insufficientCredits(available: Int64, required: Int64)
    /// The file is no acceptable input; the code is one of the media codes.
    case unacceptableInput(ProblemCode, detail: String)
    case jobNotFound
    case alreadyEnded(JobState)
    case artifactNotFound
    case artifactExpired
    case idempotencyKeyReused
    /// The account has as many uploads under way as it may.
    case tooManyUploads(countMax: Int)
    /// The server has more to do than it can; the same request may succeed later.
    case overloaded
    /// The worker's claim on the job was lost: another attempt owns it, or it has ended.
    case claimLost
    case storageFull
    /// The connection to the database broke while a commit was under way: the change was made, or it was not. What it
    /// would refer to must stay.
    case outcomeUnknown
    /// The blobs belong to another database: serving on would sweep them away as orphans.
    case foreignBlobs
    /// The server's fault: the cause is for the log, not for the client.
    case `internal`(cause: String)

    public init(_ error: DatabaseError) {
        switch error {
        case .full: self = .storageFull
        case .outcomeUnknown: self = .outcomeUnknown
        case .busy, .timeout, .unreachable, .connectionLost: self = .overloaded
        default: self = .internal(cause: "database: \(error)")
        }
    }

    public init(_ error: BlobError) {
        self = error == .full ? .storageFull : .internal(cause: "blobs: \(error)")
    }
}
