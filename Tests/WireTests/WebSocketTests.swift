import Core
import Glibc
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct WebSocketTests {
    @Test func `every case of the RFC holds over a socket, and the connection is closed after it`() async throws {
        try await withServer(respond: webSocketServer(handler: echoMessages)) { port in
            for item in WebSocketCase.all {
                let socket = try WebSocketWire(port)
                try socket.client.send(item.bytes)
                var frames: [ServerFrame] = []
                for _ in item.replies { frames.append(try socket.read()) }
                #expect(WebSocketCase.replies(frames) == item.replies, "\(item.name)")
                #expect(try socket.client.isClosedByServer(), "\(item.name)")
            }
        }
    }

    @Test func `nothing of a WebSocket outlives its server`() async throws {
        let freed = Gate()
        try await serveOneWebSocket(Witness(freed))
        // The time limit cancels.
        await withTaskCancellationHandler {
            await freed.wait()
        } onCancel: {
            freed.open()
        }
        #expect(!Task.isCancelled)
    }

    /// A connection holds its server, and that what answers its requests: here, the witness.
    private func serveOneWebSocket(_ witness: consuming Witness) async throws {
        let upgrade = webSocketServer(handler: echoMessages)
        let respond: Server.Respond = { [witness] request in
            withExtendedLifetime(witness) {}
            return await upgrade(request)
        }
        try await withServer(respond: respond) { port in try WebSocketWire(port).close() }
    }

    /// Opens its gate when nobody holds it any more.
    private final class Witness: Sendable {
        private let freed: Gate
        init(_ freed: Gate) { self.freed = freed }
        deinit { freed.open() }
    }

    @Test func `the handshake's answer has what the RFC asks for`() async throws {
        try await withServer(respond: webSocketServer(handler: echoMessages)) { port in
            let socket = try WebSocketWire(port)
            #expect(socket.handshake["Upgrade"] == "websocket")
            #expect(socket.handshake["Connection"] == "Upgrade")
            #expect(socket.handshake["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(socket.handshake["Content-Length"] == nil)
            try socket.close()
        }
    }

    @Test func `frames that come with the handshake's request are not lost`() async throws {
        try await withServer(respond: webSocketServer(handler: echoMessages)) { port in
            let frames = ClientFrame.text("early").bytes + ClientFrame(9, [1]).bytes
            let socket = try WebSocketWire(port, behind: frames)
            // A pong need not wait for the handler.
            #expect(try Set([socket.read(), socket.read()]) == [.text("early"), ServerFrame(10, [1])])
            try socket.close()
        }
    }

    @Test func `a connection can be upgraded after other requests`() async throws {
        let upgrade = webSocketServer(handler: echoMessages)
        try await withServer { request in
            request.head.path == "/ws" ? await upgrade(request) : await echo(request)
        } _: { port in
            let client = try WireClient(port)
            #expect(try client.get("/before").text == "/before ")
            try client.send(WebSocketWire.request())
            #expect(try client.readHead().status == 101)
            try client.send(ClientFrame.text("hi").bytes + ClientFrame.close(1000).bytes)
            #expect(try client.read(4) == [0x81, 2, 0x68, 0x69])
            #expect(try client.read(4) == [0x88, 2, 0x03, 0xE8])
            #expect(try client.isClosedByServer())
        }
    }

    @Test func `a refused handshake leaves the connection as it was`() async throws {
        try await withServer(respond: webSocketServer(handler: echoMessages)) { port in
            let client = try WireClient(port)
            #expect(try client.get("/ws").status == 426)
            #expect(try client.get("/ws").status == 426)
        }
    }

    @Test func `a 101 that nobody agreed to becomes a 500`() async throws {
        try await withServer { request in
            Response(status: request.head.path == "/bare" ? 101 : 200, body: .bytes([]))
        } _: { port in
            let client = try WireClient(port)
            #expect(try client.get("/bare").status == 500)
            #expect(try client.get("/").status == 200)
        }
    }

    @Test func `over TLS it is the same`() async throws {
        try await withTLSServer(respond: webSocketServer(handler: echoMessages)) { port in
            let socket = try WebSocketWire(port, tls: TLSWish())
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for cut in stride(from: 0, to: bytes.count, by: 100_000) {
                try socket.send(
                    ClientFrame(cut == 0 ? 2 : 0, Array(bytes[cut..<cut + 100_000]), isFinal: cut == 200_000))
                try socket.send(ClientFrame(9, [UInt8(cut / 100_000)]))
            }
            var frames: [ServerFrame] = []
            for _ in 0..<4 { frames.append(try socket.read()) }
            #expect(frames.filter { $0.opcode == 10 }.map(\.payload) == [[0], [1], [2]])
            let isSame = frames.first { $0.opcode == 2 }?.payload == bytes
            #expect(isSame)
            try socket.close()
        }
    }

    @Test func `a long message comes back whole, in one frame or in many, in one piece or in chops`() async throws {
        let count = 2 << 20
        // Under a sanitizer the frames take longer to make than the server waits before it pings.
        var limits = WebSocketLimits()
        limits.pingSeconds = 600
        try await withServer(respond: webSocketServer(limits, handler: echoMessages)) { port in
            let socket = try WebSocketWire(port)
            var generator = SeededGenerator(seed: UInt64(count))
            // A prime period: no frame or chop is like the one before.
            let block = (0..<65_521).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var bytes = block
            while bytes.count < count { bytes += bytes }
            bytes.removeLast(bytes.count - count)
            try socket.send(ClientFrame(2, bytes))
            let whole = try socket.read()
            #expect(whole.opcode == 2 && whole.payload.count == count)
            // Not in the expectation itself, which would write both out if it failed.
            let isSame = whole.payload == bytes
            #expect(isSame)

            let size = count / 64
            for start in stride(from: 0, to: count, by: size) {
                let frame = ClientFrame(
                    start == 0 ? 2 : 0, Array(bytes[start..<start + size]), isFinal: start + size == count)
                let wire = frame.bytes
                for cut in stride(from: 0, to: wire.count, by: 50_000) {
                    try socket.client.send(Array(wire[cut..<min(cut + 50_000, wire.count)]))
                }
            }
            let isSameAgain = try socket.read().payload == bytes
            #expect(isSameAgain)
            try socket.close()
        }
    }

    @Test func `many small messages in one piece are all answered, in order`() async throws {
        try await withServer(respond: webSocketServer(handler: echoMessages)) { port in
            let socket = try WebSocketWire(port)
            try socket.client.send((0..<5000).flatMap { ClientFrame.text("\($0)").bytes })
            for number in 0..<5000 { #expect(try socket.read().text == "\(number)") }
            try socket.close()
        }
    }

    @Test func `agreed compression is used in both directions`() async throws {
        try await withServer(respond: webSocketServer(handler: echoMessages)) { port in
            let socket = try WebSocketWire(
                port, extra: "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
            #expect(
                socket.handshake["Sec-WebSocket-Extensions"] == "permessage-deflate; client_max_window_bits=12")
            // RFC 7692 §7.2.3.1.
            try socket.send(ClientFrame(1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], reserved: 4))
            #expect(try socket.read() == .text("Hello"))
            try socket.send(.text(String(repeating: "long ", count: 1000)))
            let frame = try socket.read()
            #expect(frame.isCompressed)
            #expect(frame.payload.count < 100)
            try socket.close()
        }
    }

    // MARK: Ends

    @Test func `a handler that returns closes with 1000, one that throws with 1011`() async throws {
        struct Mishap: Error {}
        for (code, mishap) in [(1000, nil), (1011, Mishap())] as [(Int, Mishap?)] {
            let served = webSocketServer { _ in if let mishap { throw mishap } }
            try await withServer(respond: served) { port in
                let socket = try WebSocketWire(port)
                #expect(try socket.read().closeCode == code)
                try socket.send(.close(UInt16(code)))
                #expect(try socket.client.isClosedByServer())
            }
        }
    }

    @Test func `a handler's Close carries its code, and late messages are thrown away`() async throws {
        let results = Locked<[String]>([])
        let done = Gate()
        let served = webSocketServer { channel in
            await channel.close(WebSocketCloseCode(rawValue: 4001), reason: "enough")
            do throws(WebSocketEnd) {
                try await channel.send(WebSocketMessage(text: "late"))
            } catch {
                results.set(["\(error.cause)"])
            }
            let last = try await channel.receive()
            results.set(results.get() + ["\(String(describing: last))"])
            done.open()
        }
        try await withServer(respond: served) { port in
            let socket = try WebSocketWire(port)
            #expect(try socket.read() == ServerFrame(8, [0x0F, 0xA1] + Array("enough".utf8)))
            try socket.send(.text("too late"))
            try socket.send(.close(4001))
            #expect(try socket.client.isClosedByServer())
            await done.wait()
            #expect(results.get() == ["closed", "nil"])
        }
    }

    @Test func `a peer that never answers a Close is not waited for`() async throws {
        var limits = WebSocketLimits()
        limits.closeSeconds = 0.05
        try await withServer(respond: webSocketServer(limits) { _ in }) { port in
            let socket = try WebSocketWire(port)
            #expect(try socket.read().closeCode == 1000)
            #expect(try socket.client.isClosedByServer())
        }
    }

    @Test func `a handler that ignores the peer's Close is not waited for`() async throws {
        var limits = WebSocketLimits()
        limits.closeSeconds = 0.05
        let gate = Gate()
        try await withServer(respond: webSocketServer(limits) { _ in await gate.wait() }) { port in
            let socket = try WebSocketWire(port)
            try socket.send(.close(3000))
            #expect(try socket.read().closeCode == 3000)
            #expect(try socket.client.isClosedByServer())
            gate.open()
        }
    }

    @Test(arguments: [false, true]) func `a peer that vanishes ends the handler's wait`(isReset: Bool) async throws {
        let ends = Locked<WebSocketEnd?>(nil)
        let done = Gate()
        let served = webSocketServer { channel in
            do throws(WebSocketEnd) { _ = try await channel.receive() } catch { ends.set(error) }
            done.open()
        }
        try await withServer(respond: served) { port in
            let socket = try WebSocketWire(port)
            if isReset {
                var option = linger(l_onoff: 1, l_linger: 0)
                setsockopt(
                    socket.client.descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            }
            socket.client.disconnect()
            await done.wait()
            #expect(ends.get() == WebSocketEnd(.lost, .abnormal))
        }
    }

    @Test func `a fault is told to the handler, and one that does something else is cancelled`() async throws {
        let ends = Locked<WebSocketEnd?>(nil)
        let cancelled = Gate()
        let served = webSocketServer { channel in
            do throws(WebSocketEnd) { _ = try await channel.receive() } catch { ends.set(error) }
            await untilCancelled()
            cancelled.open()
        }
        try await withServer(respond: served) { port in
            let socket = try WebSocketWire(port)
            try socket.send(ClientFrame(3))
            #expect(try socket.read().closeCode == 1002)
            #expect(try socket.client.isClosedByServer())
            await cancelled.wait()
            #expect(ends.get()?.cause == .failed)
            #expect(ends.get()?.code == .protocolError)
        }
    }

    @Test func `a drain says going away and ends`() async throws {
        let metrics = Metrics()
        let log = Logger(level: .error, descriptor: -1)
        var configuration = ServerConfiguration { refusal, _ in Response(status: refusal.status) }
        configuration.loops = 1
        let server = Server(
            configuration: configuration, log: log, metrics: metrics, respond: webSocketServer(handler: echoMessages))
        try await withThreads {
            let socket = try WebSocketWire(server.start())
            async let drained: Void = server.drain()
            #expect(try socket.read().closeCode == 1001)
            try socket.send(.close(1001))
            #expect(try socket.client.isClosedByServer())
            socket.client.disconnect()
            await drained
        }
        #expect(metrics.render().contains("cadenza_websockets_open 0"))
    }
}
