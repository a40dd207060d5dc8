internal import Core
internal import HTTP
internal import Studio

/// `/api/v1/quotes` and `/api/v1/jobs…`, all but the upload and the streams.
struct JobsRoutes: Sendable {
    let jobs: JobService
    let time: any TimeSource

    /// `POST /api/v1/quotes`: the price, before anything is held.
    func quote(_ context: RequestContext, _ question: QuoteQuestion) async throws(Problem) -> QuoteAnswer {
        let account = try context.account()
        do {
            let quote = try await jobs.quote(
                account: account, service: question.service, options: question.options,
                inputSeconds: question.durationSeconds)
            return QuoteAnswer(quote: quote, durationSeconds: question.durationSeconds)
        } catch {
            throw Problem(error)
        }
    }

    /// `GET /api/v1/jobs?state=&limit=&cursor=`, newest first.
    func list(
        _ context: RequestContext, state: JobState?, limit: Int, cursor: JobID?
    ) async throws(Problem) -> JobPage {
        let account = try context.account()
        do {
            // One more than asked for tells whether there is a next page.
            let found = try await jobs.jobs(of: account, state: state, before: cursor, limit: limit + 1)
            let page = Array(found.prefix(limit))
            return JobPage(jobs: page, next: found.count > limit ? page.last?.id : nil)
        } catch {
            throw Problem(error)
        }
    }

    /// `GET /api/v1/jobs/{id}`
    func show(_ context: RequestContext, _ id: JobID) async throws(Problem) -> JobAnswer {
        let account = try context.account()
        do {
            return JobAnswer(detail: try await jobs.detail(id, of: account), now: time.now())
        } catch {
            throw Problem(error)
        }
    }

    /// `DELETE /api/v1/jobs/{id}`: 200 with the job, `canceled` at once if it was queued, else as soon as its worker
    /// has let go.
    func cancel(_ context: RequestContext, _ id: JobID) async throws(Problem) -> Reply<JobSummary> {
        let account = try context.account()
        do {
            if let failure = Preconditions.failure(of: context) {
                // What is not there, or has ended, is told so first (RFC 9110 §13.2.1).
                guard try await jobs.job(id, of: account).state.hasEnded else { throw failure }
            }
            let job = try await jobs.cancel(id, of: account)
            return Reply(status: job.state == .canceled ? 200 : 202, body: JobSummary(job: job))
        } catch {
            throw Problem(mapping: error)
        }
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
