import Core
import Glibc
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

@Suite struct LimitTests {
    @Test func `a connection over the limit is answered 503 and closed, and room comes back`() async throws {
        try await withServer(configure: { $0.limits.connectionsMax = 2 }, respond: echo) { port in
            let first = try WireClient(port)
            let second = try WireClient(port)
            #expect(try first.get("/").status == 200)
            #expect(try second.get("/").status == 200)
            let third = try WireClient(port)
            let refused = try third.get("/")
            #expect(refused.status == 503)
            #expect(refused["Retry-After"] == "5")
            #expect(refused["Connection"] == "close")
            #expect(refused.text.contains("overloaded"))
            third.shutdownWrite()
            #expect(try third.isClosedByServer())
            #expect(try first.get("/").status == 200)
            try first.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(try first.readResponse().status == 200)
            first.shutdownWrite()
            #expect(try first.isClosedByServer())
            #expect(try WireClient(port).get("/").status == 200)
        }
    }

    @Test func `one address cannot take all connections`() async throws {
        try await withServer(configure: { $0.limits.connectionsPerAddressMax = 1 }, respond: echo) { port in
            let first = try WireClient(port)
            #expect(try first.get("/").status == 200)
            #expect(try WireClient(port).get("/").status == 503)
        }
    }

    @Test func `a trusted proxy may connect for many clients`() async throws {
        func configure(_ configuration: inout ServerConfiguration) {
            configuration.limits.connectionsPerAddressMax = 1
            configuration.proxies = TrustedProxies([IPRange("127.0.0.0/8")].compactMap { $0 })
        }
        try await withServer(configure: configure, respond: echo) { port in
            let clients = try (1...5).map { _ in try WireClient(port) }
            for client in clients { #expect(try client.get("/").status == 200) }
        }
    }

    @Test func `beyond those that wait for their 503 connections are dropped`() async throws {
        try await withServer(
            configure: {
                $0.limits.connectionsMax = 0
                $0.limits.refusingConnectionsMax = 1
            }, respond: echo
        ) { port in
            let waiting = try WireClient(port)
            #expect(try WireClient(port).isClosedByServer())
            #expect(try waiting.get("/").status == 503)
        }
    }

    @Test(arguments: [
        ("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: h\r\n\(String(repeating: "A: b\r\n", count: 200))\r\n", 431),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", 413),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", 400),
    ])
    func `each bound has a status of its own`(request: String, status: Int) async throws {
        try await withServer(respond: echo) { port in
            let client = try WireClient(port)
            try client.send(request)
            let response = try client.readResponse()
            #expect(response.status == status)
            #expect(response["Connection"] == "close")
        }
    }

    @Test func `out of descriptors one client is told, the others wait until there is room`() async {
        // In a process of its own: the limit would hit every test that runs beside it.
        await #expect(processExitsWith: .success) {
            await openRuntimeDescriptors()
            let metrics = Metrics()
            try await withServer(metrics: metrics, respond: echo) { port in
                let client = try WireClient(port)
                #expect(try client.get("/").status == 200)
                var before = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before)
                var fillers: [Int32] = []
                var tight = before
                tight.rlim_cur = 256
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &tight)
                // The two clients' own ends are there; for the server's there is no room.
                let (told, waiting) = (try WireClient(), try WireClient())
                while case let filler = dup(0), filler >= 0 { fillers.append(filler) }
                try told.connect(to: port)
                try waiting.connect(to: port)
                #expect(try told.readHead().status == 503)
                #expect(try client.get("/").status == 200)
                for filler in fillers { close(filler) }
                #expect(try waiting.get("/").status == 200)
            }
            let shed = metrics.counter(
                "cadenza_http_connections_shed_total", help: "Connections closed for want of descriptors.")
            #expect(shed.value >= 1)
        }
    }
}
