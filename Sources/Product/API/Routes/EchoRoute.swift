internal import Core
internal import HTTP

/// `GET /ws/echo`, in development only: a WebSocket that sends every message back, for conformance suites.
struct EchoRoute: Sendable {
    /// The suites send messages of 16 MiB.
    static let messageBytesMax = 64 << 20

    let limits: WebSocketLimits

    func open(_ context: RequestContext, _ handshake: WebSocketHandshake) async throws(Problem) -> Response {
        var limits = limits
        limits.messageBytesMax = Self.messageBytesMax
        limits.frameBytesMax = Self.messageBytesMax
        return .webSocket(handshake, limits: limits) { channel in
            while let message = try await channel.receive() { try await channel.send(message) }
        }
    }
}
