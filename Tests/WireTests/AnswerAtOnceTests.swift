import HTTP
import HTTPServer
import Support
import Testing

/// Answers without a task, but for what is below `/later`.
@Sendable private func answer(_ request: Request) -> Answer {
    switch request.head.path {
    case "/later": .later { await echo(request) }
    case "/large": .now(Response(status: 200, body: .bytes([UInt8](repeating: 0x61, count: largeCount))))
    case "/stream":
        .now(
            Response(
                status: 200, body: .stream(length: nil) { writer in try await writer.write(Array("streamed".utf8)) }))
    default: .now(Response(status: 200, body: .bytes(Array(request.head.path.utf8))))
    }
}

private let largeCount = 8 << 20

@Suite struct AnswerAtOnceTests {
    @Test func `answers at once and later ones keep the order of their requests`() async throws {
        try await withServer(answer: answer) { port in
            let client = try WireClient(port)
            let paths = (0..<60).map { $0 % 3 == 1 ? "/later" : "/\($0)" }
            try client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
            for path in paths {
                #expect(try client.readResponse().text == (path == "/later" ? "/later " : path))
            }
        }
    }

    @Test func `a request behind an answer at once waits until that is taken`() async throws {
        try await withServer(answer: answer) { port in
            let client = try WireClient(port, receiveBufferBytes: 8 << 10)
            try client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readResponse().body.count == largeCount)
            #expect(try client.readResponse().text == "/next")
        }
    }

    @Test func `content that an answer at once leaves unread is passed over`() async throws {
        try await withServer(answer: answer) { port in
            let client = try WireClient(port)
            for (fields, body) in [
                ("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
            ] {
                try client.send("POST /a HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n\(body)")
                #expect(try client.readResponse().text == "/a")
                #expect(try client.get("/b").text == "/b")
            }
        }
    }

    @Test func `HEAD is answered at once without content`() async throws {
        try await withServer(answer: answer) { port in
            let client = try WireClient(port)
            try client.send("HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readResponse(toHead: true)["Content-Length"] == "4")
            #expect(try client.get("/b").text == "/b")
        }
    }

    @Test func `a stream that is answered at once is written by a task`() async throws {
        try await withServer(answer: answer) { port in
            let client = try WireClient(port)
            #expect(try client.get("/stream").text == "streamed")
            #expect(try client.get("/b").text == "/b")
        }
    }

    @Test func `who expects 100-continue gets an answer at once, and its connection ends`() async throws {
        try await withServer(answer: answer) { port in
            let client = try WireClient(port)
            try client.send("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            let response = try client.readResponse()
            #expect(response.text == "/a")
            #expect(response["Connection"] == "close")
            #expect(try client.isClosedByServer())
        }
    }
}
