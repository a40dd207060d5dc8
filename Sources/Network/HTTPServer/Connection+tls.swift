internal import Reactor
internal import Telemetry

extension Connection {
    /// Sees whether the last read ended the handshake, well or badly.
    func noteHandshake() {
        guard !isHandshakeOver, transport.handshake != .pending else { return }
        isHandshakeOver = true
        guard transport.handshake != .none else { return }
        deadlines.handshakeEnded()
        server.context.metrics.countHandshake(transport.handshake)
        if let reason = transport.failureReason {
            server.context.log.debug("TLS handshake failed", ["peer": peerHost, "cause": reason])
        }
    }
}
