internal import Accounts
public import Core
public import HTTP
public import Telemetry

/// What the pipeline does beside the routes: how clients come in, and what is served where no route is.
public struct PipelineOptions: Sendable {
    public var proxies = TrustedProxies()
    public var origins = OriginPolicy()
    /// Browsers' sessions, where there are any.
    public var sessions: SessionCookies?
    /// The web page's files.
    public var site: (any StaticSite)?
    /// Adds the routes that only developers and conformance suites need.
    public var servesDevelopmentRoutes = false

    public init() {}
}

/// The way of every request, in this order: RequestID, AccessLog, ProblemBoundary, Deadline, AddressLimit, Compression,
/// BodyLimit, Authenticate, RateLimit, Preconditions, the route's handler; and back through Compression and the fields
/// of the answer.
public struct Pipeline: Sendable {
    let router: Router<RouteReference>
    let options: PipelineOptions
    let time: any TimeSource
    private let accessLog: AccessLog
    private let problems: ProblemBoundary
    private let deadline: Deadline
    let addressLimit: AddressLimit
    private let bodyLimit: BodyLimit
    private let authenticate: Authenticate
    private let accountLimit: AccountLimit
    let crossOrigin: CrossOrigin
    let compression: Compression

    /// - Throws: `RouteError` if two routes clash.
    public init(
        services: Services, limits: APILimits, options: PipelineOptions = PipelineOptions(), log: Logger,
        metrics: Metrics, time: any TimeSource
    ) throws {
        try self.init(
            routes: RouteTable.routes(
                services, limits: limits, options: options, metrics: metrics, time: time),
            accounts: services.accounts, limits: limits, options: options, log: log, metrics: metrics, time: time)
    }

    init(
        routes: [Route], accounts: AccountService, limits: APILimits, options: PipelineOptions, log: Logger,
        metrics: Metrics, time: any TimeSource
    ) throws {
        var router = Router<RouteReference>()
        for route in routes { try router.add(route.method, route.path, RouteReference(route)) }
        self.router = router
        self.options = options
        self.time = time
        accessLog = AccessLog(log: log, metrics: metrics)
        problems = ProblemBoundary(log: log)
        deadline = Deadline(seconds: limits.answerSeconds)
        addressLimit = AddressLimit(limits, time: time)
        bodyLimit = BodyLimit(limits: limits)
        authenticate = Authenticate(
            accounts, sessions: options.sessions, anonymous: addressLimit, limits, time: time)
        accountLimit = AccountLimit(limits, time: time)
        compression = Compression(bytesMin: limits.compressBytesMin)
        crossOrigin = CrossOrigin(policy: options.origins)
    }

    /// What the server is to send with every response, also with those that no pipeline makes.
    public static var standingFields: HTTPFields { SecurityFields.everywhere }

    /// Answers one request, at once where its route waits for nothing. Never throws: whatever happens becomes a
    /// response.
    public func answer(_ request: consuming Request) -> Answer {
        let began = monotonicNanoseconds()
        var context = RequestContext(request: request, id: RequestID(at: time.now()))
        context.findClient(options.proxies)
        let destination = find(&context)
        guard case .route(let found) = destination, let atOnce = found.route.atOnce else {
            return .later { [context] in await respond(context, destination, began) }
        }
        var response: Response
        do {
            try admit(found, &context)
            response = try atOnce(context)
        } catch {
            response = problems.answer(error, context)
        }
        finish(&response, context, began)
        return .now(response)
    }

    /// `answer`, awaited.
    public func respond(to request: Request) async -> Response {
        switch answer(request) {
        case .now(let response): response
        case .later(let respond): await respond()
        }
    }

    private func respond(_ context: RequestContext, _ destination: Destination, _ began: UInt64) async -> Response {
        var context = context
        var response: Response
        do {
            switch destination {
            case .route(let found): response = try await answer(found, &context)
            case .elsewhere(let allowed): response = try await answerElsewhere(&context, allowed: allowed)
            }
        } catch {
            response = problems.answer(error, context)
        }
        finish(&response, context, began)
        return response
    }

    /// The answer to a request that never became one: the server's own refusals have the same form. Pages of other
    /// origins are told nothing by it: who asks is not known.
    /// - Parameter isSecure: whether the connection is under TLS.
    public func answer(_ refusal: Refusal, isSecure: Bool) -> Response {
        let id = RequestID(at: time.now())
        var response = problems.answer(refusal, id: id)
        response.requestID = id
        SecurityFields.finish(&response, isSecure: isSecure)
        return response
    }

    private func answer(_ found: RouteReference, _ context: inout RequestContext) async throws(Problem) -> Response {
        try admit(found, &context)
        guard found.route.hasDeadline else { return try await handle(found, &context) }
        return try await deadline.run { () async throws(Problem) in try await handle(found, &context) }
    }

    private func admit(_ found: RouteReference, _ context: inout RequestContext) throws(Problem) {
        try addressLimit.admit(found.route.caller, context.request.remoteSubscriber)
        try compression.admit(context.request.head, inGzip: found.route.sendsText)
        try bodyLimit.admit(&context, found.route)
    }

    private func handle(_ found: RouteReference, _ context: inout RequestContext) async throws(Problem) -> Response {
        guard found.route.caller == .account else {
            let context = context
            return try await CallerAuthority.nobody.act { () async throws(Problem) in
                try await found.route.respond(to: context) {}
            }
        }
        let principal = try await authenticate.admit(&context, trustsRecent: found.route.trustsRecentCallers)
        let admitted = context
        return try await principal.authority.act { () async throws(Problem) in
            let response = try await handle(found, admitted, principal)
            return response.carried(by: principal.authority)
        }
    }

    private func handle(
        _ found: RouteReference, _ context: RequestContext, _ principal: Principal
    ) async throws(Problem) -> Response {
        let (limit, budget) = (accountLimit, found.route.budget)
        do throws(Problem) {
            // Within the route, so that a malformed request is told so before its budget is.
            var response = try await found.route.respond(to: context) { () throws(Problem) in
                try limit.admit(principal, budget)
            }
            limit.describe(principal, budget, in: &response.fields)
            return response
        } catch {
            var problem = error
            if problem.code == .unauthenticated { authenticate.refused(context) }
            limit.describe(principal, budget, in: &problem.fields)
            throw problem
        }
    }

    private func finish(_ response: inout Response, _ context: RequestContext, _ began: UInt64) {
        if !context.isPage { compression.finish(&response, context) }
        response.requestID = context.id
        SecurityFields.finish(&response, context, isPage: context.isPage)
        crossOrigin.finish(&response, context)
        accessLog.record(response, of: context, began: began)
    }
}
