internal import Accounts
internal import Core
internal import HTTP

/// Step 8, RateLimit: the account's budget for the kind of route; what is left of it stands in every answer.
struct AccountLimit: Sendable {
    private let general: RateLimiter
    private let submission: RateLimiter
    private let payment: RateLimiter

    init(_ limits: APILimits, time: any TimeSource) {
        general = RateLimiter(RateLimit("account", count: limits.requestsPerMinute), time: time)
        submission = RateLimiter(RateLimit("submissions", count: limits.submissionsPerMinute), time: time)
        payment = RateLimiter(RateLimit("payments", count: limits.paymentsPerMinute), time: time)
    }

    func admit(_ context: inout RequestContext, _ route: Route) throws(Problem) {
        guard let principal = context.principal else { return }
        let limiter =
            switch route.budget {
            case .general: general
            case .submission: submission
            case .payment: payment
            }
        switch limiter.admit(principal.accountID.text) {
        case .refused(let seconds): throw Problem(limiter, seconds: seconds)
        case .admitted(let remaining, let seconds):
            context.answerFields.append("RateLimit-Policy", limiter.policy)
            context.answerFields.append("RateLimit", limiter.field(remaining: remaining, seconds: seconds))
        }
    }
}
