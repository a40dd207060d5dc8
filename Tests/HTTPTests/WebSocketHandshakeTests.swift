import Core
import Support
import Testing

@testable import HTTP

struct WebSocketHandshakeTests {
    private static let good = [
        ("Host", "server.example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
    ]

    /// The good handshake with some fields replaced; `nil` takes one out.
    private static func request(
        _ changes: [(String, String?)] = [], method: String = "GET", minorVersion: Int = 1, body: RequestBody = .none
    ) -> Request {
        var head = RequestHead(method: method, target: "/chat", path: "/chat", minorVersion: minorVersion)
        for (name, value) in good { head.fields.append(name, value) }
        for (name, value) in changes { head.fields[name] = value }
        return Request(head: head, body: body)
    }

    private static func code(_ request: Request) -> ProblemCode? {
        do throws(Refusal) {
            _ = try WebSocketHandshake(request)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `the RFC's example is accepted with the RFC's answer`() throws {
        let handshake = try WebSocketHandshake(Self.request([("Sec-WebSocket-Protocol", "chat, superchat")]))
        #expect(handshake.protocols == ["chat", "superchat"])
        let response = Response.webSocket(handshake, subprotocol: "chat", limits: WebSocketLimits()) { _ in }
        #expect(response.status == 101)
        #expect(response.fields["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(response.fields["Upgrade"] == "websocket")
        #expect(response.fields["Sec-WebSocket-Protocol"] == "chat")
        #expect(response.fields["Sec-WebSocket-Extensions"] == nil)
    }

    @Test func `the head of a 101 names the upgrade and no length`() throws {
        let plan = ResponsePlan(status: 101, length: nil, isHead: false, minorVersion: 1, keepsAlive: false)
        var bytes = ByteBuffer(capacity: 16)
        try ResponseSerializer.appendHead(status: 101, fields: HTTPFields(), plan: plan, standing: [], to: &bytes)
        #expect(
            String(decoding: bytes.array(), as: UTF8.self)
                == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n")
    }

    @Test func `a 426 says that its Upgrade is for this connection`() {
        let kept = ResponsePlan(status: 426, length: 3, isHead: false, minorVersion: 1, keepsAlive: true)
        let closed = ResponsePlan(status: 426, length: 3, isHead: false, minorVersion: 1, keepsAlive: false)
        #expect(kept.connection == "Upgrade")
        #expect(closed.connection == "close, Upgrade")
    }

    @Test(
        arguments: [
            [("Upgrade", "WebSocket")], [("Upgrade", "h2c, websocket")], [("Connection", "keep-alive,  UPGRADE")],
            [("Sec-WebSocket-Protocol", nil)], [("Sec-WebSocket-Extensions", "x; y=\"z\", permessage-deflate")],
        ] as [[(String, String?)]])
    func `other spellings of the same are accepted`(_ changes: [(String, String?)]) {
        #expect(Self.code(Self.request(changes)) == nil)
    }

    @Test(
        arguments: [
            [("Upgrade", nil)], [("Upgrade", "websockets")], [("Connection", nil)], [("Connection", "keep-alive")],
            [("Sec-WebSocket-Version", nil)], [("Sec-WebSocket-Version", "8")], [("Sec-WebSocket-Version", "13, 8")],
        ] as [[(String, String?)]])
    func `what asks for no WebSocket of version 13 gets a 426`(_ changes: [(String, String?)]) {
        #expect(Self.code(Self.request(changes)) == .upgradeRequired)
    }

    @Test func `only GET of HTTP-1-1 can become a WebSocket`() {
        #expect(Self.code(Self.request(method: "POST")) == .upgradeRequired)
        #expect(Self.code(Self.request(minorVersion: 0)) == .upgradeRequired)
    }

    @Test(
        arguments: [
            [("Sec-WebSocket-Key", nil)], [("Sec-WebSocket-Key", "")], [("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ==")],
            [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=")], [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ===")],
            [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub2-jZQ==")], [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR==")],
            [("Sec-WebSocket-Protocol", "a b")], [("Sec-WebSocket-Protocol", "chat, chat")],
            [("Sec-WebSocket-Extensions", "a;=b")], [("Sec-WebSocket-Extensions", ";a")],
            [("Sec-WebSocket-Extensions", "a; b=\"c d\"")],
            [("Sec-WebSocket-Extensions", (0..<33).map { "x\($0)" }.joined(separator: ","))],
        ] as [[(String, String?)]])
    func `a malformed handshake is refused`(_ changes: [(String, String?)]) {
        #expect(Self.code(Self.request(changes)) == .badRequest)
    }

    @Test func `two keys and a body are refused`() {
        var twice = Self.request()
        twice.head.fields.append("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(Self.code(twice) == .badRequest)
        let body = RequestBody(declaredLength: 5) { () async throws(BodyError) -> [UInt8]? in nil }
        #expect(Self.code(Self.request(body: body)) == .badRequest)
    }
}
