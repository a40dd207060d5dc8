import Core
import Glibc
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

@Suite struct DrainTests {
    private static func server(
        loops: Int = 2, drainSeconds: Double, cancelSeconds: Double = 5, respond: @escaping Server.Respond
    ) -> Server {
        var configuration = ServerConfiguration { refusal, _ in Response(status: refusal.status) }
        configuration.loops = loops
        configuration.limits.drainSeconds = drainSeconds
        configuration.limits.cancelSeconds = cancelSeconds
        return Server(
            configuration: configuration, log: Logger(level: .error, descriptor: -1), metrics: Metrics(),
            respond: respond)
    }

    @Test func `a drain closes idle connections and lets requests under way finish`() async throws {
        let began = Gate()
        let gate = Gate()
        // One loop: once it has closed the idle connection, it has told the busy one too.
        let server = Self.server(loops: 1, drainSeconds: 10) { request in
            if request.head.path == "/slow" {
                began.open()
                await gate.wait()
            }
            return await echo(request)
        }
        try await withThreads {
            let port = try server.start()
            let idle = try WireClient(port)
            #expect(try idle.get("/").status == 200)
            let busy = try WireClient(port)
            try busy.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
            await began.wait()
            async let drained: Void = server.drain()
            #expect(try idle.isClosedByServer())
            gate.open()
            let last = try busy.readResponse()
            #expect(last.text == "/slow ")
            #expect(last["Connection"] == "close")
            busy.disconnect()
            await drained
            #expect(throws: WireError.self) { try WireClient(port) }
        }
    }

    @Test func `what outlives the drain is cancelled and cut off`() async throws {
        let began = Gate()
        let server = Self.server(drainSeconds: 0.1) { _ in
            began.open()
            await untilCancelled()
            return Response(status: 200)
        }
        try await withThreads {
            let client = try WireClient(server.start())
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await began.wait()
            await server.drain()
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `a handler that ignores its cancellation does not hold up the drain`() async throws {
        let began = Gate()
        let gate = Gate()
        let server = Self.server(drainSeconds: 0.05, cancelSeconds: 0.05) { _ in
            began.open()
            await gate.wait()
            return Response(status: 200)
        }
        try await withThreads {
            let client = try WireClient(server.start())
            try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await began.wait()
            await server.drain()
            gate.open()
        }
    }

    @Test func `a host that is no address, or no address of this machine, is refused at start`() throws {
        var configuration = ServerConfiguration { refusal, _ in Response(status: refusal.status) }
        let log = Logger(level: .error, descriptor: -1)
        configuration.host = "localhost"
        let unnamed = Server(configuration: configuration, log: log, metrics: Metrics(), respond: echo)
        #expect(throws: ServerError.invalidHost("localhost")) { try unnamed.start() }
        // 192.0.2.0/24 is for documentation (RFC 5737): no interface here has it.
        configuration.host = "192.0.2.1"
        let foreign = Server(configuration: configuration, log: log, metrics: Metrics(), respond: echo)
        #expect(throws: ServerError.self) { try foreign.start() }
    }

    @Test func `a port on which another server listens is refused`() async throws {
        try await withServer(respond: echo) { port in
            var configuration = ServerConfiguration { refusal, _ in Response(status: refusal.status) }
            configuration.port = port
            let second = Server(
                configuration: configuration, log: Logger(level: .error, descriptor: -1), metrics: Metrics(),
                respond: echo)
            #expect(throws: ServerError.self) { try second.start() }
        }
    }

    @Test func `a server on IPv6 serves IPv4 clients too and names them by their IPv4 address`() async throws {
        try await withServer(
            configure: { $0.host = "::" },
            respond: { Response(status: 200, body: .bytes(Array($0.remoteAddress.utf8))) }
        ) { port in
            let client = try WireClient(port)
            #expect(try client.get("/").text == "127.0.0.1")
        }
    }
}
