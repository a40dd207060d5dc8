internal import Core
internal import HTTP

/// `GET /ws/echo`, in development only: a WebSocket that sends every message back, for conformance suites.
struct EchoRoute: Sendable {
    /// The suites send messages of 16 MiB.
    static let messageBytesMax = 64 << 20

    let limits: WebSocketLimits

    static let output = RouteOutput.response([AnswerSpec(status: 101, summary: "A WebSocket that echoes.")])

    func open(_ context: RequestContext) async throws(Problem) -> Response {
        var limits = limits
        limits.messageBytesMax = Self.messageBytesMax
        limits.frameBytesMax = Self.messageBytesMax
        return .webSocket(try WebSocketOpening.handshake(context), limits: limits) { channel in
            while let message = try await channel.receive() { try await channel.send(message) }
        }
    }
}
