internal import Core
internal import HTTP

/// What costs no credential is counted against the subscriber of the address that it comes from.
struct AddressLimit: Sendable {
    /// Probes, which load balancers ask many times a minute.
    private let health: RateLimiter
    /// The page's files, and preflights, of which a page asks many at once.
    private let files: RateLimiter
    private let open: RateLimiter

    init(_ limits: APILimits, time: any TimeSource) {
        health = RateLimiter(RateLimit("health", count: limits.healthRequestsPerMinute), time: time)
        files = RateLimiter(RateLimit("files", count: limits.staticRequestsPerMinute), time: time)
        open = RateLimiter(RateLimit("address", count: limits.anonymousRequestsPerMinute), time: time)
    }

    func admit(_ caller: Guard, _ subscriber: String) throws(Problem) {
        switch caller {
        case .probe: try spend(health, subscriber)
        case .open: try spend(open, subscriber)
        case .account: break
        }
    }

    func admitFile(_ subscriber: String) throws(Problem) { try spend(files, subscriber) }

    private func spend(_ limiter: RateLimiter, _ subscriber: String) throws(Problem) {
        if case .refused(let seconds) = limiter.admit(subscriber) {
            throw Problem(limiter, seconds: seconds)
        }
    }
}

extension Problem {
    /// A 429 with the fields of draft-ietf-httpapi-ratelimit-headers-10.
    init(_ limiter: RateLimiter, seconds: Int) {
        let limit = limiter.limit
        self.init(.tooManyRequests, "At most \(limit.count) requests in \(limit.seconds) seconds.")
        fields.append("Retry-After", String(seconds))
        fields.append("RateLimit-Policy", limiter.policy)
        fields.append("RateLimit", limiter.field((0, seconds)))
    }
}
