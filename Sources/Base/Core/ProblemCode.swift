/// The registry of machine-readable problem codes of the API. A code is never renamed or reused; a retired
/// one stays listed. `docs/problems.md` describes each; a golden file in the tests guards the list.
public enum ProblemCode: String, CaseIterable, Sendable {
    // Framing and messages
    case badRequest = "bad_request"
    case requestTimeout = "request_timeout"
    case contentTooLarge = "content_too_large"
    case uriTooLong = "uri_too_long"
    case headerFieldsTooLarge = "header_fields_too_large"
    case expectationFailed = "expectation_failed"
    case notImplemented = "not_implemented"
    case httpVersionNotSupported = "http_version_not_supported"
    case misdirectedRequest = "misdirected_request"
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case notAcceptable = "not_acceptable"
    case lengthRequired = "length_required"
    case unsupportedMediaType = "unsupported_media_type"
    case rangeNotSatisfiable = "range_not_satisfiable"
    case preconditionFailed = "precondition_failed"
    case upgradeRequired = "upgrade_required"
    // Bodies
    case invalidJSON = "invalid_json"
    case invalidMultipart = "invalid_multipart"
    case unknownField = "unknown_field"
    case missingField = "missing_field"
    case invalidField = "invalid_field"
    // Identity
    case unauthenticated = "unauthenticated"
    case forbidden = "forbidden"
    case foreignOrigin = "foreign_origin"
    case invalidCSRFToken = "invalid_csrf_token"
    case tooManyRequests = "too_many_requests"
    // Credits
    case insufficientCredits = "insufficient_credits"
    // Media
    case emptyFile = "empty_file"
    case fileTooLarge = "file_too_large"
    case unsupportedMedia = "unsupported_media"
    case mediaUnreadable = "media_unreadable"
    case mediaTruncated = "media_truncated"
    case noAudioStream = "no_audio_stream"
    case mediaTooLong = "media_too_long"
    case tooManyChannels = "too_many_channels"
    case sampleRateOutOfRange = "sample_rate_out_of_range"
    case resultTooLarge = "result_too_large"
    // Jobs
    case unknownService = "unknown_service"
    case invalidOption = "invalid_option"
    case unknownModel = "unknown_model"
    case modelNotInstalled = "model_not_installed"
    case jobNotFound = "job_not_found"
    case jobNotCancelable = "job_not_cancelable"
    case artifactNotFound = "artifact_not_found"
    case artifactExpired = "artifact_expired"
    case idempotencyKeyReused = "idempotency_key_reused"
    case engineFailed = "engine_failed"
    case deadlineExceeded = "deadline_exceeded"
    case tooManyAttempts = "too_many_attempts"
    // Server
    case storageFull = "storage_full"
    case overloaded = "overloaded"
    case answerTimeout = "answer_timeout"
    case internalError = "internal_error"

    /// The HTTP status that the code is answered with.
    public var status: Int { Self.table[self]?.status ?? 500 }

    /// A short, stable summary for people; details vary, titles do not.
    public var title: String { Self.table[self]?.title ?? "Internal error" }
}
