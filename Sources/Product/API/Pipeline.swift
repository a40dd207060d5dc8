internal import Accounts
public import Core
public import HTTP
public import Telemetry

public enum RequestKind: IdentifierKind { public static let prefix = "req" }
public typealias RequestID = Identifier<RequestKind>

/// The way of every request: id → route → caller → budget → handler → problem boundary → log and metrics.
public struct Pipeline: Sendable {
    private let router: Router<Route>
    private let accounts: AccountService
    private let log: Logger
    private let time: any TimeSource
    private let budgets: [Budget: RateLimiter]
    private let addressBudget: RateLimiter
    /// Apart from `addressBudget`, so that a page that asks for what is not there locks no key out.
    private let failedCredentialBudget: RateLimiter
    private let duration: Histogram

    /// - Throws: `RouteError` if two routes clash.
    public init(
        services: Services, limits: APILimits, log: Logger, metrics: Metrics, time: any TimeSource
    ) throws {
        let routes = RouteTable.routes(services, limits: limits, metrics: metrics, time: time)
        var router = Router<Route>()
        for route in routes { try router.add(route.method, route.path, route) }
        self.router = router
        accounts = services.accounts
        self.log = log
        self.time = time
        budgets = [
            .general: RateLimiter(RateLimit(count: limits.requestsPerMinute), time: time),
            .submission: RateLimiter(RateLimit(count: limits.submissionsPerMinute), time: time),
            .payment: RateLimiter(RateLimit(count: limits.paymentsPerMinute), time: time),
        ]
        addressBudget = RateLimiter(RateLimit(count: limits.anonymousRequestsPerMinute), time: time)
        failedCredentialBudget = RateLimiter(RateLimit(count: limits.anonymousRequestsPerMinute), time: time)
        duration = metrics.histogram(
            "cadenza_http_request_seconds", help: "From the request's head to its handler's answer",
            bounds: Histogram.secondsBounds)
    }

    /// Answers one request; never throws: whatever happens becomes a response.
    public func respond(to request: Request) async -> Response {
        let id = RequestID(at: time.now()).text
        let start = monotonicNanoseconds()
        var context = RequestContext(request: request, id: id)
        var response: Response
        do {
            response = try await handle(&context)
        } catch {
            if let cause = error.cause {
                log.error("request failed", ["requestId": id, "code": error.code.rawValue, "cause": cause])
            }
            response = error.response(
                requestID: id, instance: request.head.path, isFirstAPI: Self.isFirstAPI(request.head.path))
        }
        response.fields["X-Request-Id"] = id
        response.fields["X-Content-Type-Options"] = "nosniff"
        record(response, of: context, nanoseconds: monotonicNanoseconds() - start)
        return response
    }

    /// The answer to a request that never became one: the server's own refusals have the same form.
    public func answer(_ refusal: Refusal) -> Response {
        let id = RequestID(at: time.now()).text
        var response = Problem(refusal).response(requestID: id, instance: "", isFirstAPI: false)
        response.fields["X-Request-Id"] = id
        log.info("request refused", ["requestId": id, "code": refusal.code.rawValue, "reason": refusal.reason])
        return response
    }

    private func handle(_ context: inout RequestContext) async throws(Problem) -> Response {
        let route = try match(&context)
        if let coding = context.request.head.fields["Content-Encoding"], !coding.equalsIgnoringASCIICase("identity") {
            throw Problem(.unsupportedMediaType, "A body must be sent without a Content-Encoding.")
        }
        switch route.caller {
        case .probe: break
        case .open: try spend(addressBudget, context.request.remoteSubscriber)
        case .account:
            let principal = try await authenticate(context.request)
            context.principal = principal
            if let budget = budgets[route.budget] { try spend(budget, principal.accountID.text) }
        }
        return try await route.handler(context)
    }

    private func match(_ context: inout RequestContext) throws(Problem) -> Route {
        let head = context.request.head
        let found = router.match(method: head.method, path: head.path)
        if case .found(let match) = found {
            context.parameters = match.parameters
            return match.value
        }
        try spend(addressBudget, context.request.remoteSubscriber)
        if case .methodNotAllowed(let allowed) = found {
            var problem = Problem(.methodNotAllowed, "\(head.path) answers \(allowed.joined(separator: ", ")).")
            problem.fields["Allow"] = allowed.joined(separator: ", ")
            throw problem
        }
        throw Problem(.notFound, "There is nothing at this path.")
    }

    /// The caller by `Authorization: Bearer ck_…`. Only failures count against the address, yet once they have used
    /// their budget up no key is looked at: else guessing would go on at full speed.
    private func authenticate(_ request: Request) async throws(Problem) -> Principal {
        if let seconds = failedCredentialBudget.secondsUntilAdmitted(request.remoteSubscriber) {
            throw Self.refusal(by: failedCredentialBudget.limit, seconds: seconds)
        }
        let fields = request.head.fields.values("Authorization")
        let token = fields.count == 1 ? Self.bearerToken(fields[0]) : nil
        if let token {
            do {
                if let principal = try await accounts.authenticate(token: token) { return principal }
            } catch {
                throw Problem(error)
            }
        }
        try spend(failedCredentialBudget, request.remoteSubscriber)
        var problem = Problem(
            .unauthenticated,
            token == nil ? "Send an API key as Authorization: Bearer ck_…." : "The API key is unknown or revoked.")
        problem.fields["WWW-Authenticate"] = "Bearer realm=\"cadenza\""
        throw problem
    }

    private static func bearerToken(_ field: String) -> String? {
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, String(parts[0]).equalsIgnoringASCIICase("Bearer") else { return nil }
        return String(parts[1])
    }

    private func spend(_ budget: RateLimiter, _ key: String) throws(Problem) {
        if let seconds = budget.admit(key) { throw Self.refusal(by: budget.limit, seconds: seconds) }
    }

    /// A 429 with the fields of draft-ietf-httpapi-ratelimit-headers.
    private static func refusal(by limit: RateLimit, seconds: Int) -> Problem {
        let window = Int(limit.seconds)
        var problem = Problem(.tooManyRequests, "At most \(limit.count) requests in \(window) seconds.")
        problem.fields["Retry-After"] = String(seconds)
        problem.fields["RateLimit-Policy"] = "\"default\";q=\(limit.count);w=\(window)"
        problem.fields["RateLimit"] = "\"default\";r=0;t=\(seconds)"
        return problem
    }

    private static func isFirstAPI(_ path: String) -> Bool {
        path.hasPrefix("/api/") && !path.hasPrefix("/api/v1/")
    }

    private func record(_ response: Response, of context: RequestContext, nanoseconds: UInt64) {
        duration.observe(Double(nanoseconds) / 1e9)
        log.line(.info, "request") { line in
            line.add("requestId", context.id)
            line.add("method", context.request.head.method)
            line.add("path", context.request.head.path)
            line.add("status", response.status)
            line.add("milliseconds", Int(nanoseconds / 1_000_000))
            line.add("account", context.principal?.accountID.text ?? "-")
            line.add("address", context.request.remoteAddress)
        }
    }
}
