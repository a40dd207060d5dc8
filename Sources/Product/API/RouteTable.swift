public import Accounts
internal import Core
internal import HTTP
public import Ledger
public import Studio
internal import Telemetry

/// What a route asks of its caller before its handler runs.
enum Guard: Sendable {
    /// Nothing, and no budget: what load balancers ask many times a minute.
    case probe
    /// Nothing; counted against the budget of the address.
    case open
    /// A credential of an account.
    case account
}

/// Which of an account's budgets a route spends.
enum Budget: Sendable {
    case general
    /// Submissions of jobs.
    case submission
    /// What stands before a payment.
    case payment
}

/// One line of the route table.
struct Route: Sendable {
    typealias Handler = @Sendable (RequestContext) async throws(Problem) -> Response

    var method: String
    var path: String
    var caller: Guard
    var budget: Budget
    var summary: String
    var handler: Handler

    init(
        _ method: String, _ path: String, _ caller: Guard, _ summary: String, budget: Budget = .general,
        _ handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.caller = caller
        self.budget = budget
        self.summary = summary
        self.handler = handler
    }
}

/// The rooms that routes are served from.
public struct Services: Sendable {
    public var accounts: AccountService
    public var books: LedgerReader
    public var jobs: JobService
    /// Whether the server can take work: what `/readyz` answers.
    public var isReady: @Sendable () async -> Bool

    public init(
        accounts: AccountService, books: LedgerReader, jobs: JobService, isReady: @escaping @Sendable () async -> Bool
    ) {
        self.accounts = accounts
        self.books = books
        self.jobs = jobs
        self.isReady = isReady
    }
}

/// Every route of the API, with its guard, on one line each.
enum RouteTable {
    static func routes(_ services: Services, limits: APILimits, metrics: Metrics, time: any TimeSource) -> [Route] {
        let health = HealthRoutes(isReady: services.isReady, metrics: metrics)
        let credits = CreditsRoutes(
            accounts: services.accounts, books: services.books, jobs: services.jobs,
            jsonBytesMax: limits.jsonBytesMax)
        let submission = JobSubmissionRoute(jobs: services.jobs, time: time)
        let jobs = JobsRoutes(jobs: services.jobs, time: time, jsonBytesMax: limits.jsonBytesMax)
        let events = JobEventsRoute(jobs: services.jobs)
        let artifacts = ArtifactsRoutes(jobs: services.jobs, time: time)
        return [
            Route("GET", "/healthz", .probe, "Whether the process answers", health.live),
            Route("GET", "/readyz", .probe, "Whether the server takes work", health.ready),
            Route("GET", "/metrics", .open, "Metrics as Prometheus text", health.metricsText),
            Route("GET", "/api/credits", .account, "Balance, purchases and usage", credits.show),
            Route("POST", "/api/paywall", .account, "Whether a service can be paid", budget: .payment, credits.paywall),
            Route("POST", "/api/v1/quotes", .account, "What a job would cost", jobs.quote),
            Route("POST", "/api/v1/jobs", .account, "Submit a job", budget: .submission, submission.submit),
            Route("GET", "/api/v1/jobs", .account, "My jobs, newest first", jobs.list),
            Route("GET", "/api/v1/jobs/{id}", .account, "A job with its timeline", jobs.show),
            Route("DELETE", "/api/v1/jobs/{id}", .account, "Cancel a job", jobs.cancel),
            Route("GET", "/api/v1/jobs/{id}/events", .account, "Follow a job", events.stream),
            Route("GET", "/api/v1/jobs/{id}/artifacts/{name}", .account, "Download a result", artifacts.download),
            Route("GET", "/api/v1/jobs/{id}/download", .account, "Download all results", artifacts.archive),
        ]
    }
}
