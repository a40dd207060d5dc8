import COpenSSL
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

/// How connections with TLS end, in order and out of it.
@Suite struct TLSEndTests {
    @Test(arguments: TLSTransferTests.versions)
    func `a client that only ends its own side is answered, and told the end`(version: Int32) async throws {
        let gate = Gate()
        try await withTLSServer(respond: { request in
            await gate.wait()
            return await echo(request)
        }) { port in
            let client = try WireClient(port, tls: TLSWish(versions: version...version))
            try client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            client.shutdownWrite()
            gate.open()
            #expect(try client.readResponse().text == "/a hello")
            #expect(try client.isClosedByServer())
            #expect(client.heardFarewell)
        }
    }

    @Test func `the last answer is followed by a farewell`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish())
            try client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(try client.readResponse().status == 200)
            #expect(try client.isClosedByServer())
            #expect(client.heardFarewell)
        }
    }

    @Test func `an idle connection is closed with a farewell`() async throws {
        try await withTLSServer(configure: { $0.limits.idleKeepAliveSeconds = 0.1 }) { port in
            let client = try WireClient(port, tls: TLSWish())
            #expect(try client.get("/").status == 200)
            #expect(try client.isClosedByServer())
            #expect(client.heardFarewell)
        }
    }

    /// Without its farewell an end may be an attacker's (RFC 8446 §6.1).
    @Test(arguments: ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"])
    func `a body cut off without a farewell fails and is not answered`(body: String) async throws {
        let error = Locked<BodyError?>(nil)
        let ended = Gate()
        try await withTLSServer(respond: { request in
            do {
                while try await request.body.next() != nil {}
            } catch let caught as BodyError { error.set(caught) } catch {}
            ended.open()
            return Response(status: 200)
        }) { port in
            let client = try WireClient(port, tls: TLSWish())
            try client.send("POST / HTTP/1.1\r\nHost: h\r\n\(body)")
            client.shutdownBareSocket()
            await ended.wait()
            #expect(error.get() == .disconnected)
            #expect(try client.isClosedByServer())
            #expect(!client.heardFarewell)
        }
    }

    @Test func `a complete request whose connection is cut off is given up`() async throws {
        let cancelled = Gate()
        try await withTLSServer(respond: { _ in
            await untilCancelled()
            cancelled.open()
            return Response(status: 200)
        }) { port in
            let client = try WireClient(port, tls: TLSWish())
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            client.shutdownBareSocket()
            await cancelled.wait()
        }
    }

    @Test func `an answer that breaks off has no farewell`() async throws {
        struct Broken: Error {}
        try await withTLSServer(respond: { _ in
            Response(
                status: 200,
                body: .stream(length: nil) {
                    try await $0.write(Array("some".utf8))
                    throw Broken()
                })
        }) { port in
            let client = try WireClient(port, tls: TLSWish())
            // To the end of the connection: the framing itself does not show that something is missing.
            try client.send("GET / HTTP/1.0\r\n\r\n")
            #expect(try client.readHead().status == 200)
            _ = try client.readToEnd()
            #expect(!client.heardFarewell)
        }
    }

    @Test func `a damaged record ends the connection without an answer`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish())
            #expect(try client.get("/").status == 200)
            var sealed = try #require(try client.tls?.encrypt(Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)))
            sealed[sealed.count - 1] ^= 1
            try client.sendRaw(sealed)
            #expect(throws: TLSClientError.failed("sslv3 alert bad record mac")) { try client.readToEnd() }
        }
    }

    @Test func `key updates come between requests, as often as they carry any`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish(versions: TLS1_3_VERSION...TLS1_3_VERSION))
            let tls = try #require(client.tls)
            for number in 0..<4000 {
                try client.sendRaw(tls.keyUpdate())
                if number % 400 == 0 { #expect(try client.get("/\(number)").text == "/\(number) ") }
            }
        }
    }

    @Test func `a flood of key updates is cut off while others are served`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish(versions: TLS1_3_VERSION...TLS1_3_VERSION))
            let other = try WireClient(port, tls: TLSWish())
            let tls = try #require(client.tls)
            #expect(throws: WireError.self) {
                for _ in 0..<200 {
                    var updates: [UInt8] = []
                    for _ in 0..<100 { updates += tls.keyUpdate() }
                    try client.sendRaw(updates)
                    #expect(try other.get("/").status == 200)
                }
            }
        }
    }
}

@Suite struct TLSGarbageTests {
    @Test func `a handshake that does not come, or stops half-way, is closed in time`() async throws {
        let metrics = Metrics()
        try await withTLSServer(
            configure: {
                $0.limits.handshakeSeconds = 0.1
                $0.limits.headerSeconds = 3600
            }, metrics: metrics
        ) { port in
            let hello = try { () -> [UInt8] in
                let tls = try TLSClient(TLSWish())
                _ = try tls.handshake()
                return tls.produced()
            }()
            for sent in [[], Array(hello[..<1]), Array(hello[..<(hello.count / 2)]), hello] {
                let client = try WireClient(port)
                try client.sendRaw(sent)
                while try client.receiveRaw() != nil {}
            }
        }
        let timeouts = metrics.counter("cadenza_http_timeouts_total", help: "Peers that were too slow.")
        #expect(timeouts.value == 4)
    }

    @Test func `the head's time runs from the end of the handshake`() async throws {
        try await withTLSServer(configure: {
            $0.limits.handshakeSeconds = 3600
            $0.limits.headerSeconds = 0.1
        }) { port in
            let silent = try WireClient(port, tls: TLSWish())
            #expect(try silent.isClosedByServer())
            let slow = try WireClient(port, tls: TLSWish())
            try slow.send("GET / HT")
            #expect(try slow.readResponse().status == 408)
        }
    }

    @Test func `rubbish instead of a handshake ends the connection`() async throws {
        try await withTLSServer { port in
            let rubbish: [[UInt8]] = [
                [0x16, 0x03, 0x01, 0xFF, 0xFF], [0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0xFF],
                [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28], [0x17, 0x03, 0x03, 0x00, 0x01, 0x00],
                [0x80, 0x2E, 0x01, 0x00, 0x02], [0x00], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                Array("get / http/1.1\r\n\r\n".utf8),
            ]
            for bytes in rubbish {
                let client = try WireClient(port)
                try client.sendRaw(bytes)
                client.shutdownBareSocket()
                while try client.receiveRaw() != nil {}
            }
            #expect(try WireClient(port, tls: TLSWish()).get("/").status == 200)
        }
    }

    @Test(arguments: ["GET", "OPTIONS", "PATCH", "M"])
    func `plain HTTP is told that this port speaks HTTPS, and reaches no handler`(method: String) async throws {
        try await withTLSServer { port in
            let client = try WireClient(port)
            try client.send("\(method) /secret HTTP/1.1\r\nHost: h\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\n\r\n")
            let response = try client.readResponse()
            #expect(response.status == 400)
            #expect(response["Connection"] == "close")
            #expect(response.text.contains("bad_request"))
            client.shutdownWrite()
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `over the limit of connections the 503 comes by TLS`() async throws {
        try await withTLSServer(configure: { $0.limits.connectionsMax = 1 }) { port in
            let first = try WireClient(port, tls: TLSWish())
            #expect(try first.get("/").status == 200)
            #expect(try WireClient(port, tls: TLSWish()).get("/").status == 503)
        }
    }
}
