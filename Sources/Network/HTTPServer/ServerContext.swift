internal import Core
internal import HTTP
internal import Reactor
internal import Synchronization
internal import Telemetry

/// What all loops of a server share.
final class ServerContext: Sendable {
    enum Admission {
        case admitted
        /// Over a limit: to be answered 503.
        case refused(String)
        /// Too many are being refused already.
        case dropped
    }
    private struct Open {
        var count = 0
        var refusing = 0
        var byAddress: [SocketAddress: Int] = [:]
    }

    let configuration: ServerConfiguration
    let log: Logger
    let answer: Server.Answering
    let metrics: ServerMetrics
    private let open = Mutex(Open())
    private let currentTLS: Mutex<TLSContext?>

    init(configuration: ServerConfiguration, log: Logger, metrics: Metrics, answer: @escaping Server.Answering) {
        self.configuration = configuration
        self.log = log
        self.answer = answer
        self.metrics = ServerMetrics(metrics)
        currentTLS = Mutex(configuration.tls)
    }

    /// For new connections.
    var tls: TLSContext? {
        get { currentTLS.withLock { $0 } }
        set { currentTLS.withLock { $0 = newValue } }
    }

    /// Counts a new connection, unless it is dropped; `leave` takes it off.
    func enter(_ peer: SocketAddress) -> Admission {
        let limits = configuration.limits
        let admission = open.withLock { open -> Admission in
            let ofAddress = open.byAddress[peer.subscriber, default: 0]
            if open.count < limits.connectionsMax, ofAddress < limits.connectionsPerAddressMax || isProxy(peer) {
                open.count += 1
                open.byAddress[peer.subscriber] = ofAddress + 1
                return .admitted
            }
            guard open.refusing < limits.refusingConnectionsMax else { return .dropped }
            open.refusing += 1
            return .refused(
                open.count < limits.connectionsMax
                    ? "There are too many connections from this address" : "There are too many connections")
        }
        metrics.connections.increment()
        switch admission {
        case .admitted: metrics.open.add(1)
        case .refused, .dropped: metrics.refused.increment()
        }
        return admission
    }

    private func isProxy(_ peer: SocketAddress) -> Bool {
        !configuration.proxies.isEmpty && IPAddress(peer.host).map(configuration.proxies.trusts) ?? false
    }

    /// - Parameter wasAdmitted: false for a connection that was only let in to be refused.
    func leave(_ peer: SocketAddress, wasAdmitted: Bool) {
        open.withLock { open in
            guard wasAdmitted else { return open.refusing -= 1 }
            open.count -= 1
            let ofAddress = open.byAddress[peer.subscriber, default: 1] - 1
            open.byAddress[peer.subscriber] = ofAddress == 0 ? nil : ofAddress
        }
        if wasAdmitted { metrics.open.add(-1) }
    }
}

struct ServerMetrics: Sendable {
    let open: Gauge
    let connections: Counter
    let refused: Counter
    let shed: Counter
    let timeouts: Counter
    let received: Counter
    let sent: Counter
    let webSockets: WebSocketMetrics
    private let responses: [Counter]
    private let handshakes: [Transport.Handshake: Counter]

    init(_ metrics: Metrics) {
        open = metrics.gauge("cadenza_http_connections_open", help: "Open connections.")
        connections = metrics.counter("cadenza_http_connections_total", help: "Accepted connections.")
        refused = metrics.counter("cadenza_http_connections_refused_total", help: "Connections over a limit.")
        shed = metrics.counter(
            "cadenza_http_connections_shed_total", help: "Connections closed for want of descriptors.")
        timeouts = metrics.counter("cadenza_http_timeouts_total", help: "Peers that were too slow.")
        received = metrics.counter("cadenza_http_received_bytes_total", help: "Bytes read from connections.")
        sent = metrics.counter("cadenza_http_sent_bytes_total", help: "Bytes written to connections.")
        let ends: [(Transport.Handshake, String)] = [(.full, "full"), (.resumed, "resumed"), (.failed, "failed")]
        handshakes = ends.reduce(into: [:]) { counters, end in
            counters[end.0] = metrics.counter(
                "cadenza_tls_handshakes_total", help: "TLS handshakes that ended.", labels: ["result": end.1])
        }
        webSockets = WebSocketMetrics(metrics)
        responses = (2...5).map {
            metrics.counter("cadenza_http_responses_total", help: "Responses begun.", labels: ["status": "\($0)xx"])
        }
    }

    func countHandshake(_ end: Transport.Handshake) { handshakes[end]?.increment() }

    func countResponse(status: Int) { responses[min(max(status / 100, 2), 5) - 2].increment() }
}

struct WebSocketMetrics: Sendable {
    let open: Gauge
    let received: Counter
    let sent: Counter

    init(_ metrics: Metrics) {
        open = metrics.gauge("cadenza_websockets_open", help: "Open WebSockets.")
        received = metrics.counter("cadenza_websocket_messages_received_total", help: "Messages from WebSockets.")
        sent = metrics.counter("cadenza_websocket_messages_sent_total", help: "Messages to WebSockets.")
    }
}
