internal import Accounts
internal import Core
internal import HTTP

/// RateLimit: the account's budget for the kind of route; what is left of it stands in every answer.
struct AccountLimit: Sendable {
    private let general: RateLimiter
    private let submission: RateLimiter
    private let payment: RateLimiter

    init(_ limits: APILimits, time: any TimeSource) {
        general = RateLimiter(RateLimit("account", count: limits.requestsPerMinute), time: time)
        submission = RateLimiter(RateLimit("submissions", count: limits.submissionsPerMinute), time: time)
        payment = RateLimiter(RateLimit("payments", count: limits.paymentsPerMinute), time: time)
    }

    func admit(_ principal: Principal, _ budget: Budget) throws(Problem) {
        let limiter = limiter(budget)
        if case .refused(let seconds) = limiter.admit(principal.accountID.text) {
            throw Problem(limiter, seconds: seconds)
        }
    }

    /// Adds the fields of draft-ietf-httpapi-ratelimit-headers-10, unless `fields` are those of a refusal.
    func describe(_ principal: Principal, _ budget: Budget, in fields: inout HTTPFields) {
        guard fields["RateLimit"] == nil else { return }
        let limiter = limiter(budget)
        fields.append("RateLimit-Policy", limiter.policy)
        fields.append("RateLimit", limiter.field(limiter.standing(principal.accountID.text)))
    }

    private func limiter(_ budget: Budget) -> RateLimiter {
        switch budget {
        case .general: general
        case .submission: submission
        case .payment: payment
        }
    }
}
