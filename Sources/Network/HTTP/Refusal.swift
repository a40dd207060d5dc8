public import Core

/// Why a request is not taken; `reason` is short, fixed text that may be shown to the peer.
public struct Refusal: Error, Hashable, Sendable {
    public let code: ProblemCode
    public let reason: String

    public init(_ code: ProblemCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    public var status: Int { code.status }
}
