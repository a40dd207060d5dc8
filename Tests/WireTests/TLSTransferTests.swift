import COpenSSL
import Core
import Glibc
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

@Suite struct TLSTransferTests {
    static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

    private static func wish(_ version: Int32) -> TLSWish { TLSWish(versions: version...version) }

    @Test(arguments: versions)
    func `a large file reaches a slow reader while others are served`(version: Int32) async throws {
        try await withFile(byteCount: 24 << 20) { path, bytes in
            let file = try OpenFile(path: path)
            try await withTLSServer(respond: { request in
                if request.head.path == "/other" { return await echo(request) }
                return Response(status: 200, body: .file(file, offset: 5, length: file.byteCount - 5))
            }) { port in
                let client = try WireClient(port, tls: Self.wish(version), receiveBufferBytes: 8 << 10)
                try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(try client.readHead().status == 200)
                let other = try WireClient(port, tls: Self.wish(version))
                #expect(try other.get("/other").text == "/other ")
                var offset = 5
                while offset < file.byteCount {
                    let piece = try client.read(min(1 << 20, file.byteCount - offset))
                    try #require(piece == bytes(offset..<offset + piece.count))
                    offset += piece.count
                }
                #expect(try client.get("/other").text == "/other ")
            }
        }
    }

    @Test(arguments: versions)
    func `a large answer in memory arrives whole`(version: Int32) async throws {
        let bytes = (0..<5_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        try await withTLSServer(respond: { _ in Response(status: 200, body: .bytes(bytes)) }) { port in
            let client = try WireClient(port, tls: Self.wish(version), receiveBufferBytes: 8 << 10)
            for _ in 0..<2 { #expect(try client.get("/").body == bytes) }
        }
    }

    @Test func `a stream waits for its reader`() async throws {
        let written = Locked(0)
        let total = 64 << 20
        try await withTLSServer(respond: { _ in
            Response(
                status: 200,
                body: .stream(length: total) { writer in
                    let piece = [UInt8](repeating: 3, count: 64 << 10)
                    for number in 1...(total / piece.count) {
                        try await writer.write(piece)
                        written.set(number * piece.count)
                    }
                })
        }) { port in
            let client = try WireClient(port, tls: TLSWish(), receiveBufferBytes: 8 << 10)
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readHead().status == 200)
            #expect(try client.read(4 << 20).allSatisfy { $0 == 3 })
            // What the queue, the socket's buffers and this reader can hold is far from everything.
            #expect(written.get() < total / 2)
            for _ in 0..<15 { #expect(try client.read(4 << 20).count == 4 << 20) }
        }
    }

    @Test(arguments: versions)
    func `nothing is read from the socket before the handler asks`(version: Int32) async throws {
        let gate = Gate()
        let byteCount = 48 << 20
        try await withTLSServer(respond: { request in
            await gate.wait()
            var count = 0
            do {
                while let piece = try await request.body.next() { count += piece.count }
            } catch { return Response(status: 408) }
            return Response(status: 200, body: .bytes(Array(String(count).utf8)))
        }) { port in
            let client = try WireClient(port, tls: Self.wish(version))
            let tls = try #require(client.tls)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(byteCount)\r\n\r\n")
            let sealed = try tls.encrypt([UInt8](repeating: 7, count: byteCount))
            let taken = try client.sendUntilStalled(sealed, max: sealed.count)
            #expect(taken < byteCount / 2)
            gate.open()
            try client.sendRaw(Array(sealed[taken...]))
            #expect(try client.readResponse().text == String(byteCount))
            #expect(try client.get("/").text == "0")
        }
    }

    @Test func `bytes that come while earlier ones wait inside TLS are not forgotten`() async throws {
        let (first, asked, rest) = (Gate(), Gate(), Gate())
        try await withTLSServer(
            configure: {
                $0.limits.readBytesMax = 8192
                $0.limits.bodyIdleSeconds = 0.5
            },
            respond: { request in
                if request.head.path == "/other" { return await echo(request) }
                await first.wait()
                var counts: [Int] = []
                do {
                    while let piece = try await request.body.next() {
                        counts.append(piece.count)
                        if counts.count == 1 {
                            asked.open()
                            await rest.wait()
                        }
                    }
                } catch { return Response(status: 408) }
                return Response(status: 200, body: .bytes(Array("\(counts.reduce(0, +))".utf8)))
            }
        ) { port in
            let client = try WireClient(port, tls: TLSWish())
            let other = try WireClient(port, tls: TLSWish())
            let tls = try #require(client.tls)
            try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9692\r\n\r\n")
            // Two records that one look at the socket takes; the first fills the server's buffer.
            let full = try tls.encrypt([UInt8](repeating: 1, count: 8192))
            try client.sendRaw(full + tls.encrypt([UInt8](repeating: 2, count: 500)))
            first.open()
            await asked.wait()
            // Here the socket has a new edge, of which the server hears while nobody asks.
            try client.send([UInt8](repeating: 3, count: 1000))
            #expect(try other.get("/other").status == 200)
            rest.open()
            #expect(try client.readResponse().text == "9692")
        }
    }

    @Test func `an https URI may be asked for`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish())
            try client.send("GET https://localhost/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.readResponse().text == "/a ")
        }
    }

    @Test func `bodies come by length, in chunks and after 100 Continue`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish())
            try client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            #expect(try client.readResponse().text == "/a hello")
            try client.send("POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
            try client.send("lo\r\n6\r\n world\r\n0\r\n\r\n")
            #expect(try client.readResponse().text == "/b hello world")
            try client.send("POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            #expect(try client.readHead().status == 100)
            try client.send("hello")
            #expect(try client.readResponse().text == "/c hello")
        }
    }

    @Test func `a chunked answer is made of records and chunks alike`() async throws {
        try await withTLSServer(respond: { _ in
            Response(
                status: 200,
                body: .stream(length: nil) { writer in
                    for number in 0..<500 { try await writer.write(Array("line \(number)\n".utf8)) }
                })
        }) { port in
            let response = try WireClient(port, tls: TLSWish()).get("/")
            #expect(response["Transfer-Encoding"] == "chunked")
            #expect(response.text == (0..<500).map { "line \($0)\n" }.joined())
        }
    }

    @Test(arguments: versions)
    func `requests in one record are answered in order`(version: Int32) async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: Self.wish(version))
            try client.send((0..<200).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
            for number in 0..<200 { #expect(try client.readResponse().text == "/\(number) ") }
        }
    }

    @Test func `records of one byte, and a record byte by byte, make a request`() async throws {
        try await withTLSServer { port in
            let request = Array("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello".utf8)
            let client = try WireClient(port, tls: TLSWish())
            for byte in request { try client.send([byte]) }
            #expect(try client.readResponse().text == "/a hello")
            let sealed = try #require(try client.tls?.encrypt(request))
            for byte in sealed { try client.sendRaw([byte]) }
            #expect(try client.readResponse().text == "/a hello")
        }
    }
}
