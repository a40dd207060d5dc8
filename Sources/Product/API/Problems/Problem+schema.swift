internal import Core
internal import HTTP

extension Problem {
    /// What the server itself may answer on any path, before a route is found: it does not know whose client asks, so
    /// these have no `error` member.
    static let transportCodes: [ProblemCode] = [
        .badRequest, .requestTimeout, .contentTooLarge, .uriTooLong, .headerFieldsTooLarge, .expectationFailed,
        .notImplemented, .httpVersionNotSupported, .misdirectedRequest, .overloaded, .internalError,
    ]

    /// What a problem of the code looks like, under a name of its own.
    /// - Parameter isFirstAPI: with the `error` member that the clients of the first API read.
    static func schema(_ code: ProblemCode, isFirstAPI: Bool) -> Schema {
        var properties: [Schema.Property] = [
            .required("type", .constant(.string(type(of: code)))),
            .required("title", .constant(.string(code.title))),
            .required("status", .constant(.integer(Int64(code.status)))),
            .required("detail", .string, "What happened, for people."),
            .required("instance", .string, "The path of the request."),
            .required("code", .constant(.string(code.rawValue))),
            .required("requestId", requestID, "Finds the request in the server's log."),
            .required("errors", .list(of: fieldError), "What is wrong with which field."),
        ]
        if code == .insufficientCredits {
            properties += [.required("currentBalance", .count), .required("required", .integer(1...Int64.max))]
        }
        if isFirstAPI { properties.append(.required("error", .constant(.string(firstAPIError(of: code))))) }
        return .object(schemaName(code) + (isFirstAPI ? "OfFirstAPI" : ""), properties)
    }

    private static let requestID = Schema.component(
        "RequestID", .string(pattern: "^req_[0-9a-f]{32}$", meaning: "the id of a request"))
    private static let fieldError = Schema.object(
        "FieldError",
        [
            .required("field", .string, "Its name; `options.stems[0]` for what lies deeper; empty for the rest."),
            .required("detail", .string, "Follows the name: `is required`."),
        ])

    /// `insufficient_credits` is `InsufficientCreditsProblem`.
    private static func schemaName(_ code: ProblemCode) -> String {
        code.rawValue.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Problem"
    }

    /// The fields that answers with this status have.
    static func fields(ofStatus status: Int) -> [FieldSpec] {
        switch status {
        case 401: [FieldSpec(name: "WWW-Authenticate", schema: .string, summary: "How to authenticate.")]
        case 405: [FieldSpec(name: "Allow", schema: .string, summary: "The methods that the path knows.")]
        case 415:
            [
                FieldSpec(
                    name: "Accept-Encoding", schema: .constant("identity"),
                    summary: "The one coding of bodies that is taken, where another was used.", isRequired: false)
            ]
        case 416: [FieldSpec(name: "Content-Range", schema: .string, summary: "How many bytes there are.")]
        case 426:
            WebSocketHandshake.upgradeFields.map {
                FieldSpec(name: $0.0, schema: .constant(.string($0.1)), summary: "What is spoken here.")
            }
        case 429: [retryAfter(isRequired: true)] + FieldSpec.rateLimit
        case 503: [retryAfter(isRequired: false)]
        default: []
        }
    }

    private static func retryAfter(isRequired: Bool) -> FieldSpec {
        FieldSpec(
            name: "Retry-After", schema: .integer(1...Int64.max), summary: "In seconds.", isRequired: isRequired)
    }
}

extension Route {
    /// Our own API's clients never read `error`; the first API's do.
    static func isFirstAPI(_ path: String) -> Bool { path.hasPrefix("/api/") && !path.hasPrefix("/api/v1/") }

    /// Every problem that a request of this route may be answered with: its own, and what guard and inputs imply.
    var problems: [ProblemCode] {
        var codes = refuses + inputs.flatMap(\.refuses) + Problem.transportCodes
        // Another method on this path, a body in a content coding, an answer in none, a condition, and the budget.
        codes += [.methodNotAllowed, .unsupportedMediaType, .notAcceptable, .preconditionFailed, .tooManyRequests]
        if closesQuery { codes += [.unknownField, .invalidField] }
        if caller == .account {
            codes.append(.unauthenticated)
            if method != "GET" { codes += [.foreignOrigin, .invalidCSRFToken] }
        }
        if hasDeadline { codes.append(.answerTimeout) }
        return ProblemCode.allCases.filter(codes.contains)
    }
}
