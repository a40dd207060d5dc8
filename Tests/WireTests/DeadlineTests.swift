import Core
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

/// Each waits for the server's own signal, the answer or the end of the connection.
@Suite struct DeadlineTests {
    @Test func `a head that does not end is answered 408 and closed`() async throws {
        try await withServer(configure: { $0.limits.headerSeconds = 0.1 }, respond: echo) { port in
            let client = try WireClient(port)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ")
            let response = try client.readResponse()
            #expect(response.status == 408)
            #expect(response["Connection"] == "close")
            client.shutdownWrite()
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `a dripping head gets no more time than a still one`() async throws {
        try await withServer(
            configure: {
                $0.limits.headerSeconds = 0.3
                $0.limits.lingerSeconds = 0.05
            }, respond: echo
        ) { port in
            let client = try WireClient(port)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\nX: ")
            // Each drip follows an answer on another connection, until the server has had enough.
            let other = try WireClient(port)
            #expect(throws: WireError.self) {
                while true {
                    _ = try other.get("/")
                    try client.send("x")
                }
            }
        }
    }

    @Test func `a connection that never speaks is closed without a word`() async throws {
        try await withServer(configure: { $0.limits.headerSeconds = 0.1 }, respond: echo) { port in
            let client = try WireClient(port)
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `an idle connection is closed without a word`() async throws {
        try await withServer(configure: { $0.limits.idleKeepAliveSeconds = 0.1 }, respond: echo) { port in
            let client = try WireClient(port)
            #expect(try client.get("/").status == 200)
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `a body that stops fails the handler's read by timeout`() async throws {
        try await withServer(configure: { $0.limits.bodyIdleSeconds = 0.1 }, respond: echo) { port in
            let client = try WireClient(port)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
            let response = try client.readResponse()
            #expect(response.status == 408)
            #expect(response.text == "timeout")
            #expect(response["Connection"] == "close")
        }
    }

    @Test func `a body slower than the minimum rate fails by timeout`() async throws {
        try await withServer(
            configure: {
                $0.limits.bodyRateGraceSeconds = 0.2
                $0.limits.lingerSeconds = 0.05
                $0.limits.bodyBytesPerSecondMin = 1e9
            }, respond: echo
        ) { port in
            let client = try WireClient(port)
            let other = try WireClient(port)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n")
            #expect(throws: WireError.self) {
                while true {
                    _ = try other.get("/")
                    try client.send("x")
                }
            }
        }
    }

    @Test func `a body that began fast may not drip for it`() async throws {
        let byteCount = 8 << 20
        try await withServer(
            configure: {
                $0.limits.bodyRateGraceSeconds = 0.5
                $0.limits.lingerSeconds = 0.05
                $0.limits.bodyBytesPerSecondMin = 1e5
            }, respond: echo
        ) { port in
            let client = try WireClient(port)
            let other = try WireClient(port)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(2 * byteCount)\r\n\r\n")
            try client.send([UInt8](repeating: 1, count: byteCount))
            #expect(throws: WireError.self) {
                for _ in 0..<20_000 {
                    _ = try other.get("/")
                    try client.send("x")
                }
            }
        }
    }

    @Test func `a slow handler is no fault of the peer`() async throws {
        let gate = Gate()
        try await withServer(
            configure: {
                $0.limits.bodyIdleSeconds = 0.05
                $0.limits.headerSeconds = 0.05
                $0.limits.idleKeepAliveSeconds = 0.05
            },
            respond: { request in
                if request.head.path == "/idle" { return Response(status: 200) }
                await gate.wait()
                return await echo(request)
            }
        ) { port in
            let client = try WireClient(port)
            try client.send("POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            // A second connection outlives its own, equal deadline: then the first's would have passed too.
            let idle = try WireClient(port)
            #expect(try idle.get("/idle").status == 200)
            #expect(try idle.isClosedByServer())
            gate.open()
            #expect(try client.readResponse().text == "/slow abc")
        }
    }

    @Test func `a reader that takes nothing is cut off and the writer fails by timeout`() async throws {
        let ended = Gate()
        let error = Locked<WriteError?>(nil)
        try await withServer(
            configure: { $0.limits.writeStallSeconds = 0.1 },
            respond: { _ in
                Response(
                    status: 200,
                    body: .stream(length: nil) { writer in
                        do {
                            while true { try await writer.write([UInt8](repeating: 1, count: 64 << 10)) }
                        } catch let caught as WriteError { error.set(caught) }
                        ended.open()
                    })
            }
        ) { port in
            let client = try WireClient(port, receiveBufferBytes: 8 << 10)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await ended.wait()
            #expect(error.get() == .timeout)
            client.disconnect()
        }
    }

    @Test func `a reader slower than the minimum rate is cut off`() async throws {
        try await withFile(byteCount: 24 << 20) { path, _ in
            let file = try OpenFile(path: path)
            try await withServer(
                configure: {
                    $0.limits.sendRateGraceSeconds = 0.1
                    $0.limits.sendBytesPerSecondMin = 1e9
                },
                respond: { request in
                    if request.head.path == "/other" { return await echo(request) }
                    return Response(status: 200, body: .file(file, offset: 0, length: file.byteCount))
                }
            ) { port in
                let client = try WireClient(port, receiveBufferBytes: 8 << 10)
                let other = try WireClient(port)
                try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(try client.readHead().status == 200)
                #expect(throws: WireError.self) {
                    for _ in 0..<file.byteCount / 4096 {
                        _ = try other.get("/other")
                        _ = try client.read(4096)
                    }
                }
            }
        }
    }

    @Test func `a slow reader that keeps the minimum rate is not cut off`() async throws {
        let byteCount = 8 << 20
        let tickSeconds = 0.05
        let stallSeconds = 1.0
        try await withServer(
            configure: {
                $0.limits.idleKeepAliveSeconds = tickSeconds
                $0.limits.writeStallSeconds = stallSeconds
                $0.limits.sendBytesPerSecondMin = 1
            },
            respond: { request in
                if request.head.path == "/tick" { return Response(status: 200) }
                return Response(status: 200, body: .bytes([UInt8](repeating: 7, count: byteCount)))
            }
        ) { port in
            let client = try WireClient(port, receiveBufferBytes: 8 << 10)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readHead().status == 200)
            // Twice the stall long it takes less than what the socket must be rid of before it has room again.
            let ticks = Int(2 * stallSeconds / tickSeconds)
            for _ in 0..<ticks {
                let tick = try WireClient(port)
                #expect(try tick.get("/tick").status == 200)
                #expect(try tick.isClosedByServer())
                _ = try client.read(4096)
            }
            #expect(try client.read(byteCount - ticks * 4096).count == byteCount - ticks * 4096)
        }
    }

    @Test func `a stream that has nothing to send is not slow`() async throws {
        let gate = Gate()
        try await withServer(
            configure: {
                $0.limits.idleKeepAliveSeconds = 0.2
                $0.limits.writeStallSeconds = 0.05
                $0.limits.sendRateGraceSeconds = 0.05
                $0.limits.sendBytesPerSecondMin = 1e9
            },
            respond: { request in
                if request.head.path == "/idle" { return Response(status: 200) }
                return Response(
                    status: 200,
                    body: .stream(length: 10) { writer in
                        try await writer.write(Array("first".utf8))
                        await gate.wait()
                        try await writer.write(Array("after".utf8))
                    })
            }
        ) { port in
            let client = try WireClient(port)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readHead().status == 200)
            // A connection that outlives the bounds of the stalled one.
            let idle = try WireClient(port)
            #expect(try idle.get("/idle").status == 200)
            #expect(try idle.isClosedByServer())
            gate.open()
            #expect(try client.read(10) == Array("firstafter".utf8))
        }
    }
}
