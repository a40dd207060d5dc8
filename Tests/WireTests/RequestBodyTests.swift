import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

@Suite struct RequestBodyTests {
    private static func countBytes(_ request: Request) async -> Response {
        var count = 0
        do {
            while let piece = try await request.body.next() { count += piece.count }
        } catch {
            return Response(status: 408, body: .bytes(Array("\(error)".utf8)))
        }
        return Response(status: 200, body: .bytes(Array(String(count).utf8)))
    }

    @Test func `a body comes whole by length and in chunks`() async throws {
        try await withServer(respond: echo) { port in
            let client = try WireClient(port)
            try client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            #expect(try client.readResponse().text == "/a hello")
            try client.send("POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            try client.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            #expect(try client.readResponse().text == "/b hello world")
            #expect(try client.get("/c").text == "/c ")
        }
    }

    @Test func `100 Continue is sent when the handler asks, and only then`() async throws {
        try await withServer(respond: { request in
            request.head.path == "/refuse" ? Response(status: 403) : await echo(request)
        }) { port in
            let client = try WireClient(port)
            let head = "HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            try client.send("POST /a \(head)")
            #expect(try client.readHead().status == 100)
            try client.send("hello")
            #expect(try client.readResponse().text == "/a hello")
            try client.send("POST /refuse \(head)")
            let refused = try client.readResponse()
            #expect(refused.status == 403)
            #expect(refused["Connection"] == "close")
        }
    }

    @Test func `nothing is read from the socket before the handler asks`() async throws {
        let gate = Gate()
        let metrics = Metrics()
        try await withServer(
            metrics: metrics,
            respond: { request in
                await gate.wait()
                return await Self.countBytes(request)
            }
        ) { port in
            let byteCount = 64 << 20
            let client = try WireClient(port)
            let received = metrics.counter("cadenza_http_received_bytes_total", help: "Bytes read from connections.")
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(byteCount)\r\n\r\n")
            let chunk = [UInt8](repeating: 7, count: 1 << 20)
            let taken = try client.sendUntilStalled(chunk, max: byteCount)
            #expect(taken < byteCount)
            #expect(received.value <= 64 << 10, "one read at most")
            gate.open()
            var left = byteCount - taken
            while left > 0 {
                try client.send(Array(chunk.prefix(left)))
                left -= min(left, chunk.count)
            }
            #expect(try client.readResponse().text == String(byteCount))
        }
    }

    @Test func `a small body that the handler leaves unread is skipped and the connection lives`() async throws {
        try await withServer(respond: { request in Response(status: 200, body: .bytes(Array(request.head.path.utf8))) })
        {
            port in
            let client = try WireClient(port)
            try client.send("POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
            try client.send([UInt8](repeating: 0x47, count: 1000))
            #expect(try client.readResponse().text == "/1")
            #expect(try client.get("/2").text == "/2")
        }
    }

    @Test func `an early refusal of a large upload reaches a client that only writes`() async throws {
        try await withServer(respond: { _ in Response(status: 413, body: .bytes(Array("too large".utf8))) }) { port in
            let client = try WireClient(port)
            let byteCount = 8 << 20
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(byteCount)\r\n\r\n")
            // A client that looks for the answer only after it has written everything: without the lingering drain
            // a reset would destroy the answer.
            try client.send([UInt8](repeating: 1, count: byteCount))
            let response = try client.readResponse()
            #expect(response.status == 413)
            #expect(response.text == "too large")
            #expect(response["Connection"] == "close")
            client.shutdownWrite()
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `the drain after an early refusal is bounded`() async throws {
        try await withServer(
            configure: { $0.messages.lingerBytesMax = 1 << 20 }, respond: { _ in Response(status: 413) }
        ) {
            port in
            let client = try WireClient(port)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 1, count: 0x10000) + Array("\r\n".utf8)
            #expect(throws: WireError.self) {
                for _ in 0..<(1 << 12) { try client.send(chunk) }
            }
        }
    }

    @Test func `a client that goes away fails the body and cancels the handler`() async throws {
        let failed = Gate()
        let error = Locked<BodyError?>(nil)
        try await withServer(respond: { request in
            do throws(BodyError) {
                while try await request.body.next() != nil {}
            } catch let caught {
                error.set(caught)
            }
            await untilCancelled()
            failed.open()
            return Response(status: 200)
        }) { port in
            let client = try WireClient(port)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
            client.disconnect()
            await failed.wait()
        }
        #expect(error.get() == .disconnected)
    }

    @Test func `cancelling a handler ends its wait for content`() async throws {
        try await withServer(respond: { request in
            // A child task stays on the connection's loop; the global pool is busy with other tests.
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await request.body.next() }
                group.cancelAll()
            }
            return Response(status: 200, body: .bytes([0x6F, 0x6B]))
        }) { port in
            let client = try WireClient(port)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
            #expect(try client.readResponse().text == "ok")
        }
    }

    @Test func `200 idle connections and 20 uploads at once are all answered`() async throws {
        try await withServer(configure: { $0.loops = 2 }, respond: Self.countBytes) { port in
            let idle = try (0..<200).map { _ in try WireClient(port) }
            for client in idle { #expect(try client.get("/").text == "0") }
            let uploads = try (0..<20).map { _ in try WireClient(port) }
            let byteCount = 2 << 20
            let chunk = [UInt8](repeating: 9, count: byteCount / 8)
            for client in uploads {
                try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(byteCount)\r\n\r\n")
            }
            for _ in 0..<8 { for client in uploads { try client.send(chunk) } }
            for client in uploads { #expect(try client.readResponse().text == String(byteCount)) }
            for client in idle { #expect(try client.get("/").text == "0") }
        }
    }
}
