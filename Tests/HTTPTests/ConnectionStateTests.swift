import HTTP
import Testing

private func post(_ body: String, fields: String = "") -> String {
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}

private let get = "GET /g HTTP/1.1\r\nHost: a\r\n\r\n"
private let continued = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"

struct ConnectionStateTests {
    @Test(arguments: [
        ("one request", get, ["GET /g", "200 keep"]),
        (
            "pipelined requests", get + post("ab") + get,
            [
                "GET /g", "200 keep", "POST /p", "body ab", "200 keep", "GET /g", "200 keep",
            ]
        ),
        (
            "a chunked body and the next",
            "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" + get,
            [
                "POST /c", "body abc", "200 keep", "GET /g", "200 keep",
            ]
        ),
        (
            "Connection: close", "GET /g HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get,
            [
                "GET /g", "200 close", "half-close",
            ]
        ),
        ("HTTP/1.0", "GET /g HTTP/1.0\r\n\r\n", ["GET /g", "200 close", "half-close"]),
        (
            "HTTP/1.0 kept alive", "GET /g HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get,
            [
                "GET /g", "200 keep", "GET /g", "200 keep",
            ]
        ),
        ("rubbish", "rubbish\r\n\r\n", ["refuse 400", "400 close", "half-close"]),
        (
            "a good request and then rubbish", get + "\u{0}",
            [
                "GET /g", "200 keep", "refuse 400", "400 close", "half-close",
            ]
        ),
        (
            "a malformed chunk", "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + get,
            [
                "refuse 400", "400 close", "half-close",
            ]
        ),
    ])
    func `a connection serves its requests in order, however the bytes are cut`(
        _ rule: String, _ text: String, _ log: [String]
    ) {
        var whole = ServerDouble()
        whole.receive(text)
        #expect(whole.log == log)
        for pieces in Array(text.utf8).splits {
            var server = ServerDouble()
            for piece in pieces { server.receive(piece) }
            #expect(server.outcome == log, "cut at \(pieces[0].count)")
        }
    }

    @Test func `a chunk that is malformed when the head comes is refused, whatever the handler would do`() {
        var early = ServerDouble(.answersAtOnce)
        early.receive("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n" + get)
        #expect(early.log == ["refuse 400", "400 close", "half-close"])
        var late = ServerDouble()
        late.receive("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        late.receive("zz\r\n" + get)
        #expect(late.log == ["POST /c", "failed malformedChunk", "200 close", "half-close"])
    }

    @Test func `a pipelined request waits for the response before it`() {
        var server = ServerDouble(.waits)
        server.receive(get + get)
        #expect(server.log == ["GET /g"])
        #expect(server.unreadCount == get.utf8.count)
        server.begins()
        server.receive("")
        #expect(server.log == ["GET /g", "200 keep"])
        server.finishes()
        #expect(server.log == ["GET /g", "200 keep", "GET /g"])
    }

    @Test func `content is read only when the handler asks for it`() {
        var server = ServerDouble(.waits)
        server.receive(post("abc"))
        #expect(server.unreadCount == 3)
        server.demandsBody()
        #expect(server.unreadCount == 0)
        server.demandsBody()
        #expect(server.log == ["POST /p", "body abc"])
    }

    @Test func `what each wait is for is told`() {
        var server = ServerDouble(.waits)
        #expect(server.state.awaiting == .request)
        server.receive("POST /p HTTP/1.1\r\nHost: a\r\n")
        #expect(server.state.awaiting == .head)
        server.receive("Content-Length: 1\r\n\r\n")
        #expect(server.state.awaiting == .response)
        server.demandsBody()
        #expect(server.state.awaiting == .body)
        server.receive("x")
        server.answers(closes: true)
        #expect(server.state.awaiting == .linger)
    }
}

struct ConnectionStateContinueTests {
    @Test func `100 Continue is sent when the handler first asks for the body, once`() {
        // RFC 9110 §10.1.1
        var server = ServerDouble(.waits)
        server.receive(continued)
        #expect(server.log == ["POST /p"])
        server.demandsBody()
        #expect(server.log == ["POST /p", "continue"])
        server.receive("a")
        server.demandsBody()
        server.receive("b")
        server.demandsBody()
        #expect(server.log == ["POST /p", "continue", "body ab"])
        server.answers()
        #expect(server.log.last == "200 keep")
    }

    @Test func `100 Continue is not sent to a client that did not wait for it`() {
        var server = ServerDouble()
        server.receive(continued + "ab")
        #expect(server.log == ["POST /p", "body ab", "200 keep"])
    }

    @Test func `100 Continue is not sent after the response has begun`() {
        var server = ServerDouble(.waits)
        server.receive(continued)
        server.begins()
        server.demandsBody()
        #expect(server.log == ["POST /p", "200 close"])
    }

    @Test func `an answer in place of 100 Continue ends the connection`() {
        // RFC 9110 §10.1.1: whether the body still comes cannot be known.
        var server = ServerDouble(.answersAtOnce)
        server.receive(continued)
        #expect(server.log == ["POST /p", "200 close", "half-close"])
    }

    @Test func `no 100 Continue for a request without content`() {
        var server = ServerDouble()
        server.receive("GET /g HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
        #expect(server.log == ["GET /g", "200 keep"])
    }
}

struct ConnectionStateUnreadBodyTests {
    private static func limits(skip: Int, linger: Int = 100) -> MessageLimits {
        var limits = MessageLimits()
        limits.unreadBodySkipBytesMax = skip
        limits.lingerBytesMax = linger
        return limits
    }

    @Test func `a short unread body is skipped and the connection lives`() {
        for pieces in Array((post("abc") + get).utf8).splits {
            var server = ServerDouble(.answersAtOnce, limits: Self.limits(skip: 3))
            for piece in pieces { server.receive(piece) }
            #expect(server.log == ["POST /p", "200 keep", "GET /g", "200 keep"])
        }
    }

    @Test func `a longer unread body ends the connection, and the response says so`() {
        var server = ServerDouble(.answersAtOnce, limits: Self.limits(skip: 2))
        server.receive(post("abc") + get)
        #expect(server.log == ["POST /p", "200 close", "half-close"])
    }

    @Test func `of an unread chunked body no more than the limit is skipped`() {
        let head = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let body = "3\r\nabc\r\n0\r\n\r\n"
        var kept = ServerDouble(.answersAtOnce, limits: Self.limits(skip: body.utf8.count))
        kept.receive(head + body + get)
        #expect(kept.log == ["POST /c", "200 keep", "GET /g", "200 keep"])
        for pieces in Array((head + body + get).utf8).splits {
            var closed = ServerDouble(.answersAtOnce, limits: Self.limits(skip: body.utf8.count - 1))
            for piece in pieces { closed.receive(piece) }
            #expect(closed.log == ["POST /c", "200 keep", "half-close"])
        }
    }

    @Test func `an early refusal of an upload drains a bounded amount and then closes`() {
        var server = ServerDouble(.answersAtOnce, limits: Self.limits(skip: 2, linger: 100))
        server.receive("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        #expect(server.log == ["POST /p", "200 close", "half-close"])
        server.receive(String(repeating: "x", count: 100))
        #expect(!server.isClosed)
        #expect(server.unreadCount == 0)
        server.receive("x")
        #expect(server.isClosed)
    }

    @Test func `lingering ends with the peer's end`() {
        var server = ServerDouble(.answersAtOnce, limits: Self.limits(skip: 2))
        server.receive(post("abc"))
        server.peerCloses()
        #expect(server.log == ["POST /p", "200 close", "half-close", "end"])
    }
}

struct ConnectionStateEndTests {
    @Test func `an idle connection ends with its peer`() {
        var server = ServerDouble()
        server.peerCloses()
        #expect(server.log == ["end"])
    }

    @Test func `a peer that closes its sending side still gets every answer`() {
        var server = ServerDouble(.waits)
        server.receive(get + get)
        server.peerCloses()
        #expect(server.log == ["GET /g"])
        server.answers()
        server.answers()
        #expect(server.log == ["GET /g", "200 keep", "GET /g", "200 keep", "end"])
    }

    @Test func `a body cut off by the peer fails with disconnected`() {
        var server = ServerDouble()
        server.receive("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        server.peerCloses()
        #expect(server.log == ["POST /p", "failed disconnected", "200 close", "end"])
    }

    @Test func `draining ends an idle connection at once`() {
        var server = ServerDouble()
        server.receive(get)
        server.drains()
        #expect(server.log == ["GET /g", "200 keep", "end"])
    }

    @Test func `draining lets the request under way finish and says close`() {
        var server = ServerDouble(.waits)
        server.receive(get + get)
        server.drains()
        server.answers()
        #expect(server.log == ["GET /g", "200 close", "half-close"])
    }

    @Test func `draining lets a head that has begun arrive`() {
        var server = ServerDouble()
        server.receive("GET /g HT")
        server.drains()
        server.receive("TP/1.1\r\nHost: a\r\n\r\n")
        #expect(server.log == ["GET /g", "200 close", "half-close"])
    }

    @Test func `an idle connection that times out is closed without a word`() {
        var server = ServerDouble()
        server.timesOut()
        #expect(server.log == ["end"])
    }

    @Test func `a head that takes too long is answered with 408`() {
        var server = ServerDouble()
        server.receive("GET /g HT")
        server.timesOut()
        #expect(server.log == ["refuse 408", "408 close", "half-close"])
    }

    @Test func `a body that takes too long fails its handler`() {
        var server = ServerDouble()
        server.receive("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        server.timesOut()
        #expect(server.log == ["POST /p", "failed timeout", "200 close", "half-close"])
    }

    @Test func `lingering that takes too long is cut`() {
        var server = ServerDouble()
        server.receive("GET /g HTTP/1.0\r\n\r\n")
        server.timesOut()
        #expect(server.log == ["GET /g", "200 close", "half-close", "end"])
    }

    @Test func `an aborted response ends the connection without lingering`() {
        var server = ServerDouble(.waits)
        server.receive(get)
        server.begins()
        server.aborts()
        #expect(server.log == ["GET /g", "200 keep", "end"])
    }

    @Test func `a handler may end the connection`() {
        var server = ServerDouble(.waits)
        server.receive(get)
        server.answers(closes: true)
        #expect(server.log == ["GET /g", "200 close", "half-close"])
    }
}

struct ResponsePlanTests {
    private func plan(_ request: String, status: Int = 200, length: Int?) throws -> ResponsePlan {
        var server = ServerDouble(.waits)
        server.responseLength = length
        server.receive(request)
        server.begins(status: status)
        return try #require(server.plans.first)
    }

    private let http10 = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    @Test func `a known length is said and an unknown one is chunked`() throws {
        let known = try plan(get, length: 5)
        #expect(known.framing == .length(5) && known.sendsBody && known.connection == nil)
        let unknown = try plan(get, length: nil)
        #expect(unknown.framing == .chunked && unknown.sendsBody && unknown.keepsAlive)
        let empty = try plan(get, length: 0)
        #expect(empty.framing == .length(0) && !empty.sendsBody)
    }

    @Test func `HTTP 1_0 gets the end of the connection for an unknown length`() throws {
        // RFC 9112 §6.1, §6.3
        let unknown = try plan(http10, length: nil)
        #expect(unknown.framing == .untilClose && !unknown.keepsAlive && unknown.connection == "close")
        let known = try plan(http10, length: 5)
        #expect(known.framing == .length(5) && known.keepsAlive && known.connection == "keep-alive")
    }

    @Test func `HEAD gets the length of GET and no content`() throws {
        // RFC 9110 §9.3.2
        let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
        let known = try plan(head, length: 5)
        #expect(known.framing == .length(5) && !known.sendsBody)
        let unknown = try plan(head, length: nil)
        #expect(unknown.framing == .none && !unknown.sendsBody && unknown.keepsAlive)
    }

    @Test func `204 and 304 have neither content nor framing`() throws {
        // RFC 9110 §8.6, §15.4.5
        for status in [204, 304] {
            let plan = try plan(get, status: status, length: 5)
            #expect(plan.framing == .none && !plan.sendsBody && plan.keepsAlive)
        }
        let reset = try plan(get, status: 205, length: 5)
        #expect(reset.framing == .length(0) && !reset.sendsBody)
    }

    @Test(
        arguments: [
            ("HEAD / HTTP/1.1\r\n\r\n", 400, false), ("HEAD / HTTP/2.0\r\n", 505, false),
            ("HEAD /\(String(repeating: "a", count: 9000))", 414, false), ("\r\nHEAD / HTTP/1.1\n", 400, false),
            ("HEADS / HTTP/2.0\r\n", 505, true), ("head / HTTP/2.0\r\n", 505, true),
        ] as [(String, Int, Bool)])
    func `only a refused HEAD gets no content, wherever its fault is`(
        _ text: String, _ status: Int, _ sendsBody: Bool
    ) {
        var server = ServerDouble()
        for byte in text.utf8 { server.receive([byte]) }
        #expect(server.log == ["refuse \(status)", "\(status) close", "half-close"])
        #expect(server.plans.first?.sendsBody == sendsBody)
    }
}

struct HeadReuseTests {
    @Test func `a head that a handler still holds is not filled with the next one`() throws {
        var state = ConnectionState()
        var heads: [RequestHead] = []
        for target in ["/first?a=1", "/second"] {
            let bytes = Array("GET \(target) HTTP/1.1\r\nHost: a\r\nX-Note: \(target)\r\n\r\n".utf8)
            let step = bytes.withUnsafeBytes { state.advance($0) }
            guard case .head(let request) = step.action else {
                Issue.record("\(step.action)")
                return
            }
            heads.append(request.head)
            state.responseBegins(state.plan(status: 200, length: 0))
            state.responseFinished()
        }
        #expect(heads.map(\.target) == ["/first?a=1", "/second"])
        #expect(heads.map { $0.fields["X-Note"] } == ["/first?a=1", "/second"])
        #expect(heads.map { $0.query("a") } == ["1", nil])
    }
}
