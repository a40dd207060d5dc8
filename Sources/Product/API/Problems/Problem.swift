public import Core
public import HTTP

/// A refusal as the client sees it (RFC 9457), with a cause for the log only.
public struct Problem: Error, Sendable {
    public struct FieldError: Hashable, Sendable {
        public var field: String
        public var detail: String
    }

    /// Faults of fields that one answer tells of; how many more there are follows.
    static let faultsMax = 16
    /// Characters of a text in an answer: what clients send is not repeated to them without end.
    static let textMax = 1024

    public var code: ProblemCode
    public var detail: String
    public var errors: [FieldError] = []
    /// Members beside the standard ones, such as `required` of a 402.
    public var members: [JSON.Member] = []
    public var fields = HTTPFields()
    /// Never sent.
    public var cause: String?

    public init(_ code: ProblemCode, _ detail: String, cause: String? = nil) {
        self.code = code
        self.detail = detail
        self.cause = cause
    }

    /// A fault of one field, named so that a form can show it where it belongs.
    public static func field(_ code: ProblemCode, _ name: String, _ detail: String) -> Problem {
        var problem = Problem(code, "\(name): \(detail)")
        problem.errors = [FieldError(field: name, detail: detail)]
        return problem
    }

    /// - Parameters:
    ///   - instance: the path of the request.
    ///   - isFirstAPI: adds the `error` member that the clients of the first API read.
    func response(requestID: RequestID, instance: String, isFirstAPI: Bool) -> Response {
        var body: [JSON.Member] = [
            JSON.Member("type", .string(Self.type(of: code))),
            JSON.Member("title", .string(code.title)),
            JSON.Member("status", .integer(Int64(code.status))),
            JSON.Member("detail", .string(Self.bounded(detail))),
            JSON.Member("instance", .string(instance)),
            JSON.Member("code", .string(code.rawValue)),
            JSON.Member("requestId", .string(requestID.text)),
            JSON.Member(
                "errors",
                .array(
                    errors.map {
                        ["field": .string(Self.bounded($0.field)), "detail": .string(Self.bounded($0.detail))]
                    })),
        ]
        body += members
        if isFirstAPI { body.append(JSON.Member("error", .string(Self.firstAPIError(of: code)))) }
        var response = Response(status: code.status, fields: fields, body: .bytes(JSON.object(body).encoded))
        response.fields["Content-Type"] = "application/problem+json"
        response.fields["Cache-Control"] = "no-store"
        return response
    }

    private static func bounded(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard text.utf8.count > textMax,
            let end = scalars.index(scalars.startIndex, offsetBy: textMax, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return text }
        return String(scalars[..<end]) + "…"
    }

    /// The URI that names a kind of problem (RFC 9457 §3.1.1).
    static func type(of code: ProblemCode) -> String { "urn:cadenza:problem:\(code.rawValue)" }

    /// What the clients of the first API are told.
    static func firstAPIError(of code: ProblemCode) -> String {
        switch code {
        case .unauthenticated, .forbidden: "Unauthorized"
        case .tooManyRequests: "Too many requests"
        case .insufficientCredits: "Insufficient credits"
        default: code.title
        }
    }
}
