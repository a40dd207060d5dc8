import Core
import HTTP
import Support
import Testing

@Suite struct ResponseBodyTests {
    @Test(arguments: [(0, 1), (0, 3_000_000), (1_234_567, 1_000_001), (2_999_999, 1)])
    func `a range of a file arrives byte for byte`(offset: Int, length: Int) async throws {
        try await withFile(byteCount: 3_000_000) { path, bytes in
            let file = try OpenFile(path: path)
            try await withServer(respond: { request in
                if request.head.path == "/after" { return await echo(request) }
                return Response(status: 206, body: .file(file, offset: offset, length: length))
            }) { port in
                let client = try WireClient(port)
                let response = try client.get("/")
                #expect(response["Content-Length"] == String(length))
                #expect(response.body == bytes(offset..<offset + length))
                #expect(try client.get("/after").text == "/after ")
            }
        }
    }

    @Test func `a large file reaches a slow reader while others are served`() async throws {
        try await withFile(byteCount: 24 << 20) { path, bytes in
            let file = try OpenFile(path: path)
            try await withServer(respond: { request in
                if request.head.path == "/other" { return await echo(request) }
                return Response(status: 200, body: .file(file, offset: 0, length: file.byteCount))
            }) { port in
                let client = try WireClient(port, receiveBufferBytes: 8 << 10)
                try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(try client.readHead().status == 200)
                #expect(try WireClient(port).get("/other").text == "/other ")
                var offset = 0
                while offset < file.byteCount {
                    let piece = try client.read(1 << 20)
                    try #require(piece == bytes(offset..<offset + piece.count))
                    offset += piece.count
                }
            }
        }
    }

    @Test func `a file that is shorter than announced ends the connection unfinished`() async throws {
        try await withFile(byteCount: 1000) { path, _ in
            let file = try OpenFile(path: path)
            try await withServer(respond: { _ in
                Response(status: 200, body: .file(file, offset: 0, length: 2000))
            }) { port in
                let client = try WireClient(port)
                #expect(throws: WireError.self) { try client.get("/") }
            }
        }
    }

    @Test func `a stream of unknown length comes in chunks`() async throws {
        try await withServer(respond: { _ in
            Response(
                status: 200,
                body: .stream(length: nil) { writer in
                    for number in 0..<100 { try await writer.write(Array("line \(number)\n".utf8)) }
                    try await writer.write([])
                })
        }) { port in
            let client = try WireClient(port)
            let response = try client.get("/")
            #expect(response["Transfer-Encoding"] == "chunked")
            #expect(response.text == (0..<100).map { "line \($0)\n" }.joined())
            #expect(try client.get("/").status == 200)
        }
    }

    @Test func `a stream towards HTTP 1.0 ends with the connection`() async throws {
        try await withServer(respond: { _ in
            Response(status: 200, body: .stream(length: nil) { try await $0.write(Array("all".utf8)) })
        }) { port in
            let client = try WireClient(port)
            try client.send("GET / HTTP/1.0\r\n\r\n")
            let response = try client.readResponse()
            #expect(response["Transfer-Encoding"] == nil)
            #expect(response.text == "all")
        }
    }

    @Test func `what is written is sent at once, not at the end`() async throws {
        let gate = Gate()
        try await withServer(respond: { _ in
            Response(
                status: 200,
                body: .stream(length: 10) { writer in
                    try await writer.write(Array("first".utf8))
                    await gate.wait()
                    try await writer.write(Array("after".utf8))
                })
        }) { port in
            let client = try WireClient(port)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readHead()["Content-Length"] == "10")
            #expect(try client.read(5) == Array("first".utf8))
            gate.open()
            #expect(try client.read(5) == Array("after".utf8))
        }
    }

    @Test func `a writer waits for a slow reader and its queue stays bounded`() async throws {
        let written = Locked(0)
        let piece = [UInt8](repeating: 5, count: 64 << 10)
        let pieces = 200
        try await withServer(respond: { request in
            if request.head.path == "/written" {
                return Response(status: 200, body: .bytes(Array(String(written.get()).utf8)))
            }
            return Response(
                status: 200,
                body: .stream(length: nil) { writer in
                    for number in 1...pieces {
                        try await writer.write(piece)
                        written.set(number)
                    }
                })
        }) { port in
            let client = try WireClient(port, receiveBufferBytes: 8 << 10)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            let head = try client.readHead()
            let other = try WireClient(port)
            var last = -1
            // It stands still once the kernel's buffers and the queue are full; asked again until it does.
            while let now = Int(try other.get("/written").text), now != last { last = now }
            #expect(last < pieces)
            #expect(try client.readBody(of: head).body.count == pieces * piece.count)
        }
    }

    @Test func `a stream that throws ends the connection without the last chunk`() async throws {
        struct Failure: Error {}
        try await withServer(respond: { _ in
            Response(
                status: 200,
                body: .stream(length: nil) { writer in
                    try await writer.write(Array("part".utf8))
                    throw Failure()
                })
        }) { port in
            let client = try WireClient(port)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            let text = try client.readToEnd()
            #expect(text.hasSuffix("4\r\npart\r\n"))
        }
    }

    @Test(arguments: [4, 6])
    func `a stream that is not as long as it said ends the connection unfinished`(length: Int) async throws {
        try await withServer(respond: { _ in
            Response(status: 200, body: .stream(length: length) { try await $0.write(Array("12345".utf8)) })
        }) { port in
            let client = try WireClient(port)
            #expect(throws: WireError.self) { try client.get("/") }
        }
    }

    @Test func `a client that goes away ends a stream and its task`() async throws {
        let ended = Gate()
        let error = Locked<WriteError?>(nil)
        try await withServer(respond: { _ in
            Response(
                status: 200,
                body: .stream(length: nil) { writer in
                    do {
                        while true { try await writer.write([UInt8](repeating: 1, count: 4096)) }
                    } catch let caught as WriteError { error.set(caught) }
                    ended.open()
                })
        }) { port in
            let client = try WireClient(port)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readHead().status == 200)
            client.disconnect()
            await ended.wait()
        }
        #expect(error.get() == .disconnected)
    }
}
