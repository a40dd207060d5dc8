import HTTP
import Support
import Synchronization
import HTTPServer
import Testing

@Suite struct MessageTests {
    @Test func `one connection carries many requests`() async throws {
        try await withServer(respond: echo) { port in
            let client = try WireClient(port)
            for number in 0..<50 { #expect(try client.get("/\(number)").text == "/\(number) ") }
        }
    }

    @Test func `every response says its length and its date`() async throws {
        try await withServer(respond: echo) { port in
            let response = try WireClient(port).get("/x")
            #expect(response["Content-Length"] == "3")
            #expect(response["Date"]?.hasSuffix(" GMT") == true)
            #expect(response["Connection"] == nil)
        }
    }

    @Test func `pipelined requests are answered in order, however long each takes`() async throws {
        let gate = Gate()
        try await withServer(respond: { request in
            if request.head.path == "/0" { await gate.wait() }
            if request.head.path == "/1" { gate.open() }
            return await echo(request)
        }) { port in
            let client = try WireClient(port)
            let other = try WireClient(port)
            try client.send((0..<20).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
            // The first waits until another connection's request has come: nothing may overtake it meanwhile.
            #expect(try other.get("/1").text == "/1 ")
            for number in 0..<20 { #expect(try client.readResponse().text == "/\(number) ") }
        }
    }

    @Test func `a request may be split at every byte`() async throws {
        let request =
            "POST /split?a=b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n"
        let bytes = Array(request.utf8)
        try await withServer(respond: echo) { port in
            for split in 1..<bytes.count {
                let client = try WireClient(port)
                try client.send(Array(bytes[..<split]))
                // An answer on another connection of the one loop: the first part has been looked at by then.
                if split % 8 == 0 { _ = try WireClient(port).get("/sync") }
                try client.send(Array(bytes[split...]))
                #expect(try client.readResponse().text == "/split abcde", "split at \(split)")
                #expect(try client.readResponse().text == "/next ", "split at \(split)")
            }
        }
    }

    @Test func `HEAD is answered like GET without content`() async throws {
        try await withServer(respond: { request in
            switch request.head.path {
            case "/stream":
                return Response(
                    status: 200,
                    body: .stream(length: 5) { _ in Issue.record("the stream of a HEAD was run") })
            default: return await echo(request)
            }
        }) { port in
            let client = try WireClient(port)
            try client.send("HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\n")
            let response = try client.readResponse(toHead: true)
            #expect(response.status == 200)
            #expect(response["Content-Length"] == "5")
            try client.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readResponse(toHead: true)["Content-Length"] == "5")
            #expect(try client.get("/after").text == "/after ")
        }
    }

    @Test func `HTTP 1.0 gets one answer and the end`() async throws {
        try await withServer(respond: echo) { port in
            let client = try WireClient(port)
            try client.send("GET /old HTTP/1.0\r\n\r\n")
            #expect(try client.readResponse()["Connection"] == "close")
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `a client that half-closes still gets its answers`() async throws {
        try await withServer(respond: echo) { port in
            let client = try WireClient(port)
            try client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
            client.shutdownWrite()
            #expect(try client.readResponse().text == "/1 ")
            #expect(try client.readResponse().text == "/2 ")
            #expect(try client.isClosedByServer())
        }
    }

    @Test(arguments: [
        (
            "both lengths",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        ("two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"),
        ("signed length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd"),
        ("a coding after chunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ("space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n"),
        ("folded line", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n"),
        ("bare LF", "GET / HTTP/1.1\nHost: h\n\n"),
        ("no Host", "GET / HTTP/1.1\r\n\r\n"),
    ])
    func `ambiguous framing gets exactly one response and the end`(name: String, attack: String) async throws {
        let handled = Handled()
        try await withServer(respond: { request in
            handled.paths.withLock { $0.append(request.head.path) }
            return await echo(request)
        }) { port in
            let client = try WireClient(port)
            try client.send(attack + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
            let response = try client.readResponse()
            #expect((400...501).contains(response.status), "\(name)")
            #expect(response["Connection"] == "close")
            #expect(response.text.contains("\"code\""))
            client.shutdownWrite()
            #expect(try client.isClosedByServer(), "\(name)")
        }
        #expect(handled.paths.withLock { $0 }.isEmpty, "\(name)")
    }

    @Test func `a malformed chunk ends the connection after the one answer`() async throws {
        try await withServer(respond: echo) { port in
            let client = try WireClient(port)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            // An answer on another connection of the one loop: the handler waits for more by then.
            _ = try WireClient(port).get("/sync")
            try client.send("xyz\r\nGET /smuggled HTTP/1.1\r\n")
            let response = try client.readResponse()
            #expect(response.text.contains("malformedChunk"))
            #expect(response["Connection"] == "close")
            client.shutdownWrite()
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `the standing fields are on every response, also on those that the server refuses with`() async throws {
        try await withServer(
            configure: { $0.standingFields.append("X-Every", "one") }, respond: echo
        ) { port in
            let client = try WireClient(port)
            try client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
            for status in [200, 400] {
                let response = try client.readResponse()
                #expect(response.status == status)
                #expect(response["X-Every"] == "one")
            }
        }
    }

    @Test func `a request is unchanged by those that its connection and others bring after it`() async throws {
        // The parser fills the memory of the head before, unless a handler still holds it.
        let gate = Gate()
        try await withServer(respond: { request in
            if request.head.path == "/held" { await gate.wait() }
            let note = request.head.fields["X-Note"] ?? "none"
            return Response(status: 200, body: .bytes(Array("\(request.head.target) \(note)".utf8)))
        }) { port in
            let held = try WireClient(port)
            let other = try WireClient(port)
            try held.send("GET /held HTTP/1.1\r\nHost: a\r\nX-Note: first\r\n\r\n")
            // Half a head, whose rest comes after another connection was read.
            try other.send("GET /other?x=1 HTTP/1.1\r\nHost: a\r\nX-Note: sec")
            try held.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            try other.send("ond\r\n\r\n")
            #expect(try other.readResponse().text == "/other?x=1 second")
            gate.open()
            #expect(try held.readResponse().text == "/held first")
            #expect(try held.readResponse().text == "/next none")
            #expect(try other.get("/again").text == "/again none")
        }
    }

    @Test func `an invalid response head becomes a 500 and nothing of it leaks`() async throws {
        try await withServer(respond: { _ in
            var fields = HTTPFields()
            fields["X-Note"] = "a\r\nSet-Cookie: stolen=1"
            return Response(status: 200, fields: fields, body: .bytes([1]))
        }) { port in
            let response = try WireClient(port).get("/")
            #expect(response.status == 500)
            #expect(response["Set-Cookie"] == nil)
        }
    }
}

final class Handled: Sendable {
    let paths = Mutex<[String]>([])
}
