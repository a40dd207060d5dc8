internal import Core
internal import HTTP
internal import Studio

/// `POST /api/v1/jobs`, multipart/form-data: `service`, `options` (JSON), `file`, in any order, each once.
///
/// The file is streamed to disk as it arrives. What can be refused early is: the balance before the body, the
/// service and the options before a file that follows them.
struct JobSubmissionRoute: Sendable {
    static let serviceBytesMax = 64

    let jobs: JobService
    let time: any TimeSource

    static let schema = Schema.object(
        "JobSubmission",
        [
            .required("service", .serviceName),
            .optional("options", .reference("JobOptionsGiven"), "As JSON."),
            .required("file", .string(format: "binary"), "Audio, or video with audio, in any common format."),
        ])
    static let partTypes = [
        (part: "options", mediaType: "application/json"), (part: "file", mediaType: "application/octet-stream"),
    ]
    static let answer = AnswerSpec.json(
        JobAnswer.self, 202, "The job, queued; its price is held.", fields: [.location, replayed],
        leads: JobAnswer.links)
    static let optionProblems: [ProblemCode] = [.unknownField, .invalidOption, .unknownModel, .modelNotInstalled]
    static let problems: [ProblemCode] =
        optionProblems + [
            .insufficientCredits, .unknownService, .idempotencyKeyReused, .storageFull, .emptyFile, .fileTooLarge,
            .unsupportedMedia, .mediaUnreadable, .mediaTruncated, .noAudioStream, .mediaTooLong, .tooManyChannels,
            .sampleRateOutOfRange, .resultTooLarge, .deadlineExceeded,
        ]
    static let replayed = FieldSpec(
        name: "Idempotency-Replayed", schema: .constant("true"),
        summary: "The job is the one that this key made before.", isRequired: false)

    func submit(
        _ context: RequestContext, idempotencyKey key: String?, _ body: FormBody
    ) async throws(Problem) -> Reply<JobAnswer> {
        let account = try context.account()
        do {
            try await jobs.admit(account: account, idempotencyKey: key)
            let form = try await readForm(body, account)
            guard let service = form.service else { throw Problem.field(.missingField, "service", "is required") }
            guard let file = form.file else { throw Problem.field(.missingField, "file", "is required") }
            let (job, isReplay) = try await jobs.submit(
                Submission(
                    accountID: account, service: service, options: form.options, fileName: form.fileName,
                    file: file, idempotencyKey: key))
            let detail = try await jobs.detail(job.id, of: account)
            var reply = Reply(status: 202, body: JobAnswer(detail: detail, now: time.now()))
            reply.fields.append(("Location", job.id.path))
            if isReplay { reply.fields.append((Self.replayed.name, "true")) }
            return reply
        } catch {
            throw Problem(mapping: error)
        }
    }

    private struct Form {
        var service: String?
        var options: JSON?
        var fileName = ""
        var file: InputUpload?
        var seen: Set<String> = []
    }

    private func readForm(_ body: FormBody, _ account: AccountID) async throws -> Form {
        var form = Form()
        let reader = try body.open()
        do {
            while let part = try await reader.nextPart() {
                guard ["service", "options", "file"].contains(part.name) else {
                    throw JobError.unknownField(part.name)
                }
                guard form.seen.insert(part.name).inserted else {
                    throw JobError.invalidField(name: part.name, reason: "may be given only once")
                }
                switch part.name {
                case "service":
                    let name = try await part.text(bytesMax: Self.serviceBytesMax)
                    _ = try jobs.service(named: name)
                    form.service = name
                case "options":
                    form.options = try await options(part)
                default:
                    form.fileName = part.filename ?? ""
                    form.file = try await receive(part, account, body.declaredLength)
                }
                if form.file == nil, let service = form.service, let options = form.options {
                    _ = try await jobs.check(options, of: try jobs.service(named: service))
                }
            }
        } catch let error as MultipartError {
            throw Problem(error)
        }
        return form
    }

    private func options(_ part: MultipartPart) async throws -> JSON {
        let text = try await part.text(bytesMax: jobs.limits.optionsBytesMax)
        do {
            return try JSONParser.parse(Array(text.utf8))
        } catch {
            throw JobError.invalidOption(
                name: "options", reason: "not acceptable JSON: \(error.reason.rawValue) at byte \(error.offset)")
        }
    }

    private func receive(
        _ part: MultipartPart, _ account: AccountID, _ declaredLength: Int?
    ) async throws -> InputUpload {
        let file = try await jobs.stageInput(for: account, byteCount: Int64(declaredLength ?? 0))
        var received: Int64 = 0
        while let bytes = try await part.next() {
            received += Int64(bytes.count)
            guard received <= jobs.limits.inputBytesMax else { throw fileTooLarge() }
            try await file.append(bytes, after: received - Int64(bytes.count))
        }
        guard received > 0 else {
            throw JobError.unacceptableInput(.emptyFile, detail: "The file has no bytes.")
        }
        return file
    }

    private func fileTooLarge() -> Problem {
        Problem(.fileTooLarge, "A file may have at most \(jobs.limits.inputBytesMax) bytes.")
    }
}
