import Core
import HTTP
import Support
import Testing

@testable import API

struct RouteWebSocketTests {
    private static let route = Route(
        "GET", "/api/v1/live", .open, "live", "Live", takes: .webSocket, answers: .webSocket("Text.")
    ) { (_: RequestContext, handshake: WebSocketHandshake) async throws(Problem) in
        Response.webSocket(handshake, limits: WebSocketLimits()) { _ in }
    }

    private static func send(_ fields: [(String, String)]) async throws(Problem) -> Response {
        var head = RequestHead(method: "GET", target: route.path, path: route.path)
        for (name, value) in fields { head.fields.append(name, value) }
        return try await route.respond(
            to: RequestContext(request: Request(head: head), id: RequestID(at: Timestamp(milliseconds: 0)))
        ) {}
    }

    @Test func `a handshake opens the WebSocket`() async throws {
        let response = try await Self.send([
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ])
        #expect(response.status == 101)
        #expect(response.fields["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test func `what is no handshake is told which protocol is spoken`() async throws {
        do {
            _ = try await Self.send([])
            Issue.record("a WebSocket without a handshake")
        } catch {
            #expect(error.code == .upgradeRequired)
            #expect(error.fields["Upgrade"] == "websocket")
            #expect(error.fields["Sec-WebSocket-Version"] == "13")
        }
        #expect(Self.route.problems.contains(.upgradeRequired))
    }
}
