public import Accounts
internal import Core
internal import HTTP

/// What a request proved its caller by.
public enum CredentialKind: Hashable, Sendable {
    /// `Authorization`: nothing that a browser adds by itself.
    case key
    /// The session cookie, which a browser adds to whatever page asks.
    case session
}

/// Sessions of browsers: the cookie's name, whose session it is, and the check against other sites' requests.
public struct SessionCookies: Sendable {
    public var cookie: String
    public var csrf: CSRFPolicy
    /// Whose session it is; `nil` for one that is unknown or over.
    public var resolve: @Sendable (_ session: String) async throws(Problem) -> Principal?

    public init(
        cookie: String, csrf: CSRFPolicy,
        resolve: @escaping @Sendable (_ session: String) async throws(Problem) -> Principal?
    ) {
        self.cookie = cookie
        self.csrf = csrf
        self.resolve = resolve
    }
}

/// The caller, by `Authorization: Bearer ck_…`, by a WebSocket's subprotocol `bearer.ck_…`, or by the session
/// cookie where sessions are known.
struct Authenticate: Sendable {
    private let accounts: AccountService
    private let sessions: SessionCookies?
    private let anonymous: AddressLimit
    /// Apart from the address limit's budgets, so that whoever asks without a credential locks no key out.
    private let failures: RateLimiter

    private enum Credential {
        case key(String)
        case session(String, SessionCookies)
    }

    init(
        _ accounts: AccountService, sessions: SessionCookies?, anonymous: AddressLimit, _ limits: APILimits,
        time: any TimeSource
    ) {
        self.accounts = accounts
        self.sessions = sessions
        self.anonymous = anonymous
        failures = RateLimiter(RateLimit("credentials", count: limits.anonymousRequestsPerMinute), time: time)
    }

    /// Only wrong credentials count against the address, yet once they have used their budget up none is looked at:
    /// else guessing would go on at full speed. A request without any guesses nothing: it spends the budget of those.
    ///
    /// - Parameter trustsRecent: a key that was good a moment ago may go unasked for; the caller's transactions ask.
    func admit(_ context: inout RequestContext, trustsRecent: Bool) async throws(Problem) -> Principal {
        let request = context.request
        guard let credential = credential(of: request.head) else {
            try anonymous.admit(.open, request.remoteSubscriber)
            throw Problem.unauthenticated("Send an API key as Authorization: Bearer ck_….")
        }
        if let seconds = failures.secondsUntilAdmitted(request.remoteSubscriber) {
            throw Problem(failures, seconds: seconds)
        }
        let said: String
        switch credential {
        case .key(let token):
            if let principal = try await principal(token, trustsRecent) {
                context.principal = principal
                context.credential = .key
                return principal
            }
            said = Problem.keyRefused
        case .session(let session, let sessions):
            if let principal = try await sessions.resolve(session) {
                try sessions.csrf.admit(context, session: session)
                context.principal = principal
                context.credential = .session
                return principal
            }
            said = "The session is unknown or over."
        }
        if case .refused(let seconds) = failures.admit(request.remoteSubscriber) {
            throw Problem(failures, seconds: seconds)
        }
        throw Problem.unauthenticated(said)
    }

    /// To be called when the caller's transaction refused the credential, so that the next request asks anew.
    func refused(_ context: RequestContext) {
        if case .key(let token) = credential(of: context.request.head) { accounts.forget(token: token) }
    }

    /// `nil` where there is none, or nothing that could be one. Where Authorization stands nothing else is looked at.
    private func credential(of head: RequestHead) -> Credential? {
        let fields = head.fields.values("Authorization")
        if let token = fields.isEmpty ? SocketCredential.token(head) : Self.bearerToken(fields) { return .key(token) }
        guard fields.isEmpty, let sessions, let session = Cookies.value(sessions.cookie, in: head.fields) else {
            return nil
        }
        return .session(session, sessions)
    }

    private func principal(_ token: String, _ trustsRecent: Bool) async throws(Problem) -> Principal? {
        do {
            return try await accounts.authenticate(token: token, trustsRecent: trustsRecent)
        } catch {
            throw Problem(error)
        }
    }

    private static func bearerToken(_ fields: [String]) -> String? {
        guard fields.count == 1 else { return nil }
        let parts = fields[0].split(separator: " ", maxSplits: 1)
        guard parts.count == 2, String(parts[0]).equalsIgnoringASCIICase("Bearer") else { return nil }
        return String(parts[1])
    }
}

extension Problem {
    static let keyRefused = "The API key is unknown or revoked."

    /// A 401 with the challenge that it must have.
    static func unauthenticated(_ detail: String) -> Problem {
        var problem = Problem(.unauthenticated, detail)
        problem.fields["WWW-Authenticate"] = "Bearer realm=\"cadenza\""
        return problem
    }
}
