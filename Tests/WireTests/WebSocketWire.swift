import Core
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

/// A WebSocket's client over a real socket.
final class WebSocketWire {
    let client: WireClient
    let handshake: WireResponse

    /// Connects and upgrades.
    /// - Parameter extra: header lines with their CRLF.
    init(
        _ port: UInt16, extra: String = "", behind: [UInt8] = [], tls: TLSWish? = nil, receiveBufferBytes: Int32? = nil
    ) throws {
        client = try WireClient(port, receiveBufferBytes: receiveBufferBytes)
        if let tls { try client.startTLS(tls) }
        try client.send(Array(Self.request(extra: extra).utf8) + behind)
        handshake = try client.readHead()
        guard handshake.status == 101 else { throw WireError.malformed("status \(handshake.status)") }
    }

    static func request(extra: String = "") -> String {
        "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(extra)\r\n"
    }

    func send(_ frame: ClientFrame) throws { try client.send(frame.bytes) }

    func read() throws -> ServerFrame {
        let start = try client.read(2)
        guard let head = ServerFrame.head(start[0], start[1]) else { throw WireError.malformed("frame \(start)") }
        let wide = head.length == 126 ? 2 : head.length == 127 ? 8 : 0
        let length = wide == 0 ? Int(head.length) : try client.read(wide).reduce(0) { $0 << 8 | Int($1) }
        var frame = ServerFrame(head.opcode, try client.read(length))
        frame.isCompressed = head.isCompressed
        return frame
    }

    /// Sends a Close and reads the answer and the end of the connection.
    func close() throws {
        try send(.close(1000))
        #expect(try read().closeCode == 1000)
        #expect(try client.isClosedByServer())
    }
}

/// Upgrades whatever comes, and serves it with `handler`.
func webSocketServer(
    _ limits: WebSocketLimits = WebSocketLimits(), handler: @escaping WebSocketHandler
) -> Server.Respond {
    { request in
        do throws(Refusal) {
            return .webSocket(try WebSocketHandshake(request), limits: limits, handler: handler)
        } catch {
            return Response(status: error.status)
        }
    }
}

/// Sends back every message.
@Sendable func echoMessages(_ channel: any WebSocketChannel) async throws {
    while let message = try await channel.receive() { try await channel.send(message) }
}
