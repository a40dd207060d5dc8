import Core
import HTTP
import Testing

private func plan(_ length: Int?, closes: Bool = false) -> ResponsePlan {
    var server = ServerDouble(.waits)
    server.responseLength = length
    server.receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.begins(closes: closes)
    return server.plans[0]
}

private func head(
    _ status: Int, _ fields: [(String, String)], _ plan: ResponsePlan, id: RequestID? = nil, standing: [UInt8] = []
) throws(SerializationError) -> String {
    var all = HTTPFields()
    for (name, value) in fields { all.append(name, value) }
    var bytes = ByteBuffer(capacity: 16)
    try ResponseSerializer.appendHead(
        status: status, fields: all, requestID: id, plan: plan, standing: standing, to: &bytes)
    return String(decoding: bytes.array(), as: UTF8.self)
}

struct ResponseSerializerTests {
    @Test func `a head is status line, standing lines, request id, fields, framing and connection`() throws {
        var every = HTTPFields()
        every.append("X-Every", "response")
        let id = RequestID(at: Timestamp(milliseconds: 0))
        let text = try head(
            404, [("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("Set-Cookie", "b")], plan(5, closes: true),
            id: id,
            standing: ResponseSerializer.standingLines(date: "Sun, 06 Nov 1994 08:49:37 GMT", every))
        #expect(
            text == "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Every: response\r\n"
                + "X-Request-Id: \(id)\r\nContent-Type: text/plain\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
                + "Content-Length: 5\r\nConnection: close\r\n\r\n")
        #expect(try head(200, [], plan(nil)) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    }

    @Test func `a status without a registered phrase keeps its space`() throws {
        // RFC 9112 §4: SP stands even before an absent reason.
        #expect(try head(599, [], plan(0)).hasPrefix("HTTP/1.1 599 \r\n"))
    }

    @Test func `framing, connection and date are the server's`() throws {
        let fields = [
            ("content-length", "9"), ("Transfer-Encoding", "gzip"), ("CONNECTION", "x"), ("Keep-Alive", "1"),
            ("date", "never"),
        ]
        #expect(try head(200, fields, plan(5)) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    }

    @Test(arguments: ["a\rb", "a\nb", "a\r\nSet-Cookie: x", "a\u{0}", "\u{7F}", "a\u{1B}[0m"])
    func `a value cannot split the response`(_ value: String) {
        #expect(throws: SerializationError.invalidFieldValue(name: "X")) { try head(200, [("X", value)], plan(0)) }
    }

    @Test(arguments: ["", "a b", "a:b", "a\r\nb", "é", "a\u{0}"])
    func `a name is a token`(_ name: String) {
        #expect(throws: SerializationError.invalidFieldName(name)) { try head(200, [(name, "x")], plan(0)) }
    }

    @Test(arguments: [-1, 0, 99, 199, 1000])
    func `a status out of range is an error`(_ status: Int) {
        #expect(throws: SerializationError.invalidStatus(status)) { try head(status, [], plan(0)) }
    }

    @Test func `an error leaves the bytes before it alone`() {
        var fields = HTTPFields()
        fields.append("A", "b")
        fields.append("X", "\n")
        var bytes = ByteBuffer(capacity: 16)
        bytes.append([1, 2, 3])
        var caught: SerializationError?
        do throws(SerializationError) {
            try ResponseSerializer.appendHead(status: 200, fields: fields, plan: plan(0), standing: [], to: &bytes)
        } catch {
            caught = error
        }
        #expect(caught == .invalidFieldValue(name: "X"))
        #expect(bytes.array() == [1, 2, 3])
    }

    @Test func `written chunks are read back by the decoder`() {
        var bytes: [UInt8] = []
        for piece in ["hello", String(repeating: "x", count: 300)] {
            ResponseSerializer.appendChunkHead(piece.utf8.count, to: &bytes)
            bytes += Array(piece.utf8) + ResponseSerializer.chunkEnd
        }
        bytes += ResponseSerializer.lastChunk
        #expect(String(decoding: bytes.prefix(8), as: UTF8.self) == "5\r\nhello")
        var decoder = BodyDecoder(.chunked)
        var content = 0
        while !decoder.isFinished {
            switch bytes.withUnsafeBytes({ decoder.decode($0) }) {
            case .data(let range, let consumed):
                content += range.count
                bytes.removeFirst(consumed)
            case .end(let consumed): bytes.removeFirst(consumed)
            case .needMore, .failed:
                Issue.record("the body does not end")
                return
            }
        }
        #expect(content == 305)
        #expect(bytes.isEmpty)
    }
}
