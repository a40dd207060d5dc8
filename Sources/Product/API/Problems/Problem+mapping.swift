internal import Accounts
internal import Core
public import HTTP
internal import Ledger
internal import Studio

/// The one mapper from the typed errors of the rooms below to what a client is told.
extension Problem {
    public init(_ refusal: Refusal) { self.init(refusal.code, refusal.reason) }

    init(_ error: BodyError) {
        switch error {
        case .tooLarge(let bytesMax): self.init(.contentTooLarge, "The body may have at most \(bytesMax) bytes.")
        case .malformedChunk: self.init(.badRequest, "The chunked body is malformed.")
        case .timeout: self.init(.requestTimeout, "The body did not arrive in time.")
        case .disconnected: self.init(.badRequest, "The connection closed before the body was complete.")
        }
    }

    init(_ error: MultipartError) {
        switch error {
        case .notMultipart: self.init(.unsupportedMediaType, "The body must be multipart/form-data with a boundary.")
        case .malformed(let reason): self.init(.invalidMultipart, "The form is malformed: \(reason).")
        case .truncated: self.init(.invalidMultipart, "The form ends before its closing delimiter.")
        case .tooManyParts(let partsMax): self.init(.invalidMultipart, "A form may have at most \(partsMax) parts.")
        case .partHeadTooLarge(let bytesMax):
            self.init(.invalidMultipart, "The head of a part may have at most \(bytesMax) bytes.")
        case .partTooLarge(let name, let bytesMax):
            self = .field(.invalidField, name, "may have at most \(bytesMax) bytes")
        case .body(let error): self.init(error)
        }
    }

    init(_ error: JSONError) {
        self.init(.invalidJSON, "Not acceptable JSON: \(error.reason.rawValue) at byte \(error.offset).")
    }

    init(_ error: AccountError) {
        switch error {
        case .unknownAccount: self.init(.unauthenticated, "The account does not exist.")
        case .unknownKey: self.init(.notFound, "There is no such key.")
        case .invalidName(let reason): self = .field(.invalidField, "name", reason)
        case .storageFull: self.init(.storageFull, "The server's disk is full. Nothing was changed.")
        case .overloaded: self = .overloaded
        case .internal(let cause): self.init(.internalError, Self.internalDetail, cause: cause)
        }
    }

    init(_ error: LedgerError) {
        switch error {
        case .insufficientCredits(let available, let required):
            self = .insufficientCredits(available: available, required: required)
        case .callerRefused: self = .unauthenticated(Self.keyRefused)
        default: self.init(.internalError, Self.internalDetail, cause: "ledger: \(error)")
        }
    }

    init(_ error: JobError) {
        switch error {
        case .unknownService(let name):
            self = .field(.unknownService, "service", "there is no service named \(name.debugDescription)")
        case .unknownField(let name): self = .field(.unknownField, name, "is not known here")
        case .invalidField(let name, let reason): self = .field(.invalidField, name, reason)
        case .invalidOption(let name, let reason):
            self = .field(.invalidOption, name == "options" ? name : "options.\(name)", reason)
        case .unknownModel(let name, let known):
            self = .field(
                .unknownModel, "options.model",
                "there is no model named \(name.debugDescription); known: \(known.joined(separator: ", "))")
        case .modelNotInstalled(let id):
            self.init(.modelNotInstalled, "The model \(id) is not installed. The operator installs it.")
        case .insufficientCredits(let available, let required):
            self = .insufficientCredits(available: available, required: required)
        case .unacceptableInput(let code, let detail): self.init(code, detail)
        case .jobNotFound: self.init(.jobNotFound, "There is no such job.")
        case .alreadyEnded(let state): self.init(.jobNotCancelable, "The job has \(state.rawValue) already.")
        case .artifactNotFound: self.init(.artifactNotFound, "The job has no such artifact.")
        case .artifactExpired: self.init(.artifactExpired, "The job's results were removed when they expired.")
        case .idempotencyKeyReused:
            self.init(.idempotencyKeyReused, "The key was used for another service, options or file.")
        case .tooManyUploads(let countMax):
            self.init(.tooManyRequests, "At most \(countMax) uploads of an account may be under way at one time.")
            fields["Retry-After"] = Self.retrySeconds
        case .overloaded: self = .overloaded
        case .storageFull: self.init(.storageFull, "The server's disk is full. Nothing was changed.")
        case .claimLost, .foreignBlobs, .outcomeUnknown, .internal:
            self.init(.internalError, Self.internalDetail, cause: "\(error)")
        }
    }

    private static func insufficientCredits(available: Int64, required: Int64) -> Problem {
        var problem = Problem(.insufficientCredits, "Credits needed: \(required); available: \(available).")
        problem.members = [
            JSON.Member("currentBalance", .integer(available)), JSON.Member("required", .integer(required)),
        ]
        return problem
    }

    /// What a client that the server has no room for now is told to wait.
    private static let retrySeconds = "5"

    private static var overloaded: Problem {
        var problem = Problem(.overloaded, "The server has too much to do. Nothing was changed.")
        problem.fields["Retry-After"] = retrySeconds
        return problem
    }

    static let internalDetail = "The server failed. The request id finds the cause in its log."
}
