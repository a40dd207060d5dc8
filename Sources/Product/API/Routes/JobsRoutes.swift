internal import Core
internal import HTTP
internal import Ledger
internal import Studio

/// `/api/v1/quotes` and `/api/v1/jobs…`, all but the upload and the streams.
struct JobsRoutes: Sendable {
    let jobs: JobService
    let time: any TimeSource
    let jsonBytesMax: Int

    /// `POST /api/v1/quotes` with `{service, options?, durationSeconds?}`: the price, before anything is held.
    func quote(_ context: RequestContext) async throws(Problem) -> Response {
        let account = try context.account()
        let body = try await context.object(
            known: ["service", "options", "durationSeconds"], bytesMax: jsonBytesMax)
        let service = try body.requiredString("service")
        var seconds = 0.0
        if let value = body["durationSeconds"], value != .null {
            guard let given = value.double, given >= 0, given <= Self.durationSecondsMax else {
                throw Problem.field(
                    .invalidField, "durationSeconds", "must be a number from 0 to \(Int(Self.durationSecondsMax))")
            }
            seconds = given
        }
        do {
            let quote = try await jobs.quote(
                account: account, service: service, options: body["options"], inputSeconds: seconds)
            return .json([
                "service": .string(quote.service), "model": .string(quote.model), "options": quote.options,
                "durationSeconds": .number(seconds), "price": .integer(quote.price.credits),
                "currentBalance": .integer(quote.balance.available),
                "affordable": .bool(quote.balance.available >= quote.price.credits),
            ])
        } catch {
            throw Problem(error)
        }
    }

    /// A year; what may be submitted is less, but a quote harms nobody.
    private static let durationSecondsMax = 31_536_000.0

    /// `GET /api/v1/jobs?state=&limit=&cursor=`, newest first.
    func list(_ context: RequestContext) async throws(Problem) -> Response {
        let account = try context.account()
        let limit = try PageQuery.limit(
            context, default: jobs.limits.pageSizeDefault, max: jobs.limits.pageSizeMax)
        var state: JobState?
        if let text = context.request.head.query("state") {
            guard let known = JobState(rawValue: text) else {
                let all = JobState.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem.field(.invalidField, "state", "must be one of \(all)")
            }
            state = known
        }
        var cursor: JobID?
        if let text = context.request.head.query("cursor") {
            guard let id = JobID(parsing: text) else {
                throw Problem.field(.invalidField, "cursor", "is not a cursor of this route")
            }
            cursor = id
        }
        do {
            // One more than asked for tells whether there is a next page.
            let found = try await jobs.jobs(of: account, state: state, before: cursor, limit: limit + 1)
            let page = found.prefix(limit)
            let next = found.count > limit ? page.last.map { JSON.string($0.id.text) } : nil
            return .json(["jobs": .array(page.map(JobWire.summary)), "nextCursor": next ?? .null])
        } catch {
            throw Problem(error)
        }
    }

    /// `GET /api/v1/jobs/{id}`
    func show(_ context: RequestContext) async throws(Problem) -> Response {
        let id = try context.jobID()
        do {
            let detail = try await jobs.detail(id, of: try context.account())
            return .json(JobWire.detail(detail, now: time.now()))
        } catch {
            throw Problem(mapping: error)
        }
    }

    /// `DELETE /api/v1/jobs/{id}`: 200 with the job, `canceled` at once if it was queued, else as soon as its worker
    /// has let go.
    func cancel(_ context: RequestContext) async throws(Problem) -> Response {
        let id = try context.jobID()
        do {
            let job = try await jobs.cancel(id, of: try context.account())
            return .json(JobWire.summary(job), status: job.state == .canceled ? 200 : 202)
        } catch {
            throw Problem(mapping: error)
        }
    }
}

extension RequestContext {
    /// The `{id}` of the path; what is no job's id names no job.
    func jobID() throws(Problem) -> JobID {
        guard let id = JobID(parsing: parameters["id"] ?? "") else { throw Problem(JobError.jobNotFound) }
        return id
    }
}

extension Problem {
    /// For places where both a problem and a job's error may be thrown.
    init(mapping error: any Error) {
        switch error {
        case let error as Problem: self = error
        case let error as JobError: self.init(error)
        default: self.init(.internalError, Self.internalDetail, cause: "\(error)")
        }
    }
}
