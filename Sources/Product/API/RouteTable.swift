public import Accounts
internal import Core
internal import HTTP
public import Ledger
public import Studio
internal import Telemetry

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

/// Every route of the API: how it is guarded, what it takes and answers, and what it may refuse with.
enum RouteTable {
    static func routes(
        _ services: Services, limits: APILimits, options: PipelineOptions = PipelineOptions(), metrics: Metrics,
        time: any TimeSource
    ) -> [Route] {
        var routes =
            serverRoutes(HealthRoutes(isReady: services.isReady, metrics: metrics))
            + creditsRoutes(
                CreditsRoutes(books: services.books, jobs: services.jobs), limits)
            + jobsRoutes(services.jobs, limits, time)
            + feedRoutes(services.jobs, limits, options)
        if options.servesDevelopmentRoutes { routes += developmentRoutes(limits) }
        return routes + [DocumentRoute.route(of: routes, services: services.jobs.services)]
    }

    private static func serverRoutes(_ health: HealthRoutes) -> [Route] {
        RouteGroup.server(
            Route(
                "GET", "/healthz", .probe, HealthRoutes.liveID, "Whether the process answers",
                answers: .json(LiveAnswer.self, "It does."), atOnce: health.live),
            Route(
                "GET", "/readyz", .probe, "ready", "Whether the server takes work",
                answers: .json(ReadyAnswer.self, "It does."), health.ready),
            Route(
                "GET", "/metrics", .open, "metrics", "Metrics as Prometheus text",
                answers: .text(HealthRoutes.metricsType, "Text exposition format 0.0.4."), atOnce: health.metricsText))
    }

    private static func creditsRoutes(_ credits: CreditsRoutes, _ limits: APILimits) -> [Route] {
        RouteGroup.credits(
            Route(
                "GET", "/api/credits", .account, "getCredits", "Balance, purchases and usage",
                takes: .query("userId", "The caller's own account, if it is named at all."),
                .query(
                    "limit", 1...CreditsRoutes.pageSizeMax, default: CreditsRoutes.pageSizeMax, "Rows of a history."),
                .query("cursor", CreditsCursor.self, "`nextCursor` of the page before."),
                answers: .json(CreditsAnswer.self, "The balance and a page of both histories."),
                refuses: [.forbidden], credits.show
            ).trustingRecentCallers(),
            Route(
                "POST", "/api/paywall", .account, "askPaywall", "Whether a service can be paid", budget: .payment,
                takes: .json(PaywallQuestion.self, bytesMax: limits.jsonBytesMax),
                answers: .json(PaywallAnswer.self, "It can."),
                refuses: [.forbidden, .unknownService, .insufficientCredits], credits.paywall))
    }

    private static func jobsRoutes(_ jobs: JobService, _ limits: APILimits, _ time: any TimeSource) -> [Route] {
        let routes = JobsRoutes(jobs: jobs, time: time)
        let submission = JobSubmissionRoute(jobs: jobs, time: time)
        let artifacts = ArtifactsRoutes(jobs: jobs, time: time)
        return RouteGroup.jobs(
            Route(
                "POST", "/api/v1/quotes", .account, "quote", "What a job would cost",
                takes: .json(QuoteQuestion.self, bytesMax: limits.jsonBytesMax),
                answers: .json(QuoteAnswer.self, "The price; nothing is held."),
                refuses: [.unknownService] + JobSubmissionRoute.optionProblems, routes.quote),
            Route(
                "POST", "/api/v1/jobs", .account, "submitJob", "Submit a job", budget: .submission,
                takes: .header("Idempotency-Key", length: 1...jobs.limits.idempotencyKeyBytesMax, "One job a key."),
                .form(JobSubmissionRoute.schema, "Parts in any order, each once.", types: JobSubmissionRoute.partTypes),
                answers: .replies(JobSubmissionRoute.answer), refuses: JobSubmissionRoute.problems, submission.submit),
            Route(
                "GET", "/api/v1/jobs", .account, "listJobs", "My jobs, newest first",
                takes: .query("state", JobState.self, "Only jobs in this state."),
                .query("limit", 1...jobs.limits.pageSizeMax, default: jobs.limits.pageSizeDefault, "Jobs of a page."),
                .query("cursor", JobID.self, "`nextCursor` of the page before."),
                answers: .json(JobPage.self, "A page of jobs."), routes.list),
            Route(
                "GET", "/api/v1/jobs/{id}", .account, "getJob", "A job with its timeline",
                takes: .path("id", JobID.self, jobWords),
                answers: .json(JobAnswer.self, "The job.", leads: JobAnswer.links), routes.show),
            Route(
                "DELETE", "/api/v1/jobs/{id}", .account, "cancelJob", "Cancel a job",
                takes: .path("id", JobID.self, jobWords),
                answers: .replies(
                    .json(JobSummary.self, 200, "It is canceled."),
                    .json(JobSummary.self, 202, "It runs, and is canceled as soon as its worker lets go.")
                ).heedingConditions(),
                refuses: [.jobNotCancelable, .storageFull], routes.cancel),
            Route(
                "GET", "/api/v1/jobs/{id}/events", .account, "followJob", "Follow a job",
                takes: .path("id", JobID.self, jobWords),
                .header("Last-Event-ID", 0...Int.max, "The id of the last event that was seen."),
                .query("lastEventId", JobEventID.self, "The same, for clients that cannot set the field."),
                answers: JobEventsRoute.output,
                JobEventsRoute(jobs: jobs, retryMilliseconds: limits.streamRetryMilliseconds).stream),
            Route(
                "GET", "/api/v1/jobs/{id}/artifacts/{name}", .account, "getArtifact", "Download a result",
                takes: .path("id", JobID.self, jobWords), .path("name", ArtifactName.self, "The result's name."),
                answers: .file("audio/*", "The result."), refuses: [.artifactExpired], artifacts.download),
            Route(
                "GET", "/api/v1/jobs/{id}/download", .account, "getArchive", "Download all results",
                takes: .path("id", JobID.self, jobWords), answers: ArtifactsRoutes.archiveOutput,
                refuses: [.artifactNotFound, .artifactExpired], artifacts.archive))
    }

    private static func feedRoutes(_ jobs: JobService, _ limits: APILimits, _ options: PipelineOptions) -> [Route] {
        RouteGroup.jobs(
            Route(
                "GET", "/api/v1/events", .account, "followJobs", "Follow all my jobs by WebSocket",
                takes: .query("after", FeedCursor.self, "The `cursor` of the last message that was seen."), .webSocket,
                answers: .webSocket("Texts, each a `JobFeedMessage`."), refuses: [.foreignOrigin],
                JobFeedRoute(jobs: jobs, origins: options.origins, limits: limits.feed).open))
    }

    private static func developmentRoutes(_ limits: APILimits) -> [Route] {
        RouteGroup.server(
            Route(
                "GET", "/ws/echo", .probe, "echo", "A WebSocket that echoes", takes: .webSocket,
                answers: .webSocket("Every message, back."), EchoRoute(limits: limits.sockets).open))
    }

    private static let jobWords = "The job's id."
}
