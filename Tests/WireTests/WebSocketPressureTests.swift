import Core
import Glibc
import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct WebSocketPressureTests {
    // MARK: Towards the handler

    @Test func `nothing is read while the queue of messages is full`() async throws {
        let gate = Gate()
        let counted = Locked(0)
        let served = webSocketServer { channel in
            await gate.wait()
            while let message = try await channel.receive() {
                counted.set(counted.get() + message.bytes.count)
            }
        }
        try await withServer(respond: served) { port in
            let socket = try WebSocketWire(port)
            let frame = ClientFrame(2, Array(repeating: 1, count: 32 << 10)).bytes
            // What the kernels' buffers hold, and the little that the server does.
            let total = frame.count * 2048
            var taken = 0
            var chunk = frame
            while taken < total {
                let count = try socket.client.sendUntilStalled(chunk, max: chunk.count)
                taken += count
                // What is left of a frame that was cut goes first when the stream moves again.
                chunk = count < chunk.count ? Array(chunk[count...]) : frame
                if count == 0 { break }
            }
            #expect(taken < total)
            gate.open()
            if taken % frame.count > 0 { try socket.client.send(chunk) }
            try socket.close()
            let frames = (taken + frame.count - 1) / frame.count
            #expect(counted.get() == frames * (32 << 10))
        }
    }

    @Test func `a handler slower than its peer misses nothing`() async throws {
        let served = webSocketServer { channel in
            var count = 0
            while try await channel.receive() != nil {
                count += 1
                if count % 50 == 0 { await Task.yield() }
            }
        }
        try await withServer(respond: served) { port in
            let socket = try WebSocketWire(port)
            for _ in 0..<200 { try socket.client.send((0..<100).flatMap { ClientFrame.text("\($0)").bytes }) }
            try socket.close()
        }
    }

    // MARK: Towards the peer

    @Test func `a send waits while the peer reads nothing, and goes on when it does`() async throws {
        let sent = Locked(0)
        let count = 400
        let message = WebSocketMessage(binary: Array(repeating: 7, count: 64 << 10))
        let served = webSocketServer { channel in
            for _ in 0..<count {
                try await channel.send(message)
                sent.set(sent.get() + 1)
            }
        }
        try await withServer(respond: served) { port in
            let socket = try WebSocketWire(port, receiveBufferBytes: 8192)
            // The socket's buffers and the queue are full once nothing moves any more.
            var before = -1
            while before != sent.get() {
                before = sent.get()
                var nothing = pollfd(fd: -1, events: 0, revents: 0)
                poll(&nothing, 1, 200)
            }
            #expect(sent.get() < count)
            for _ in 0..<count { #expect(try socket.read().payload.count == 64 << 10) }
            #expect(try socket.read().closeCode == 1000)
        }
    }

    @Test func `a flood of pings from a peer that reads nothing is not answered without bounds`() async throws {
        try await withServer(respond: webSocketServer(handler: echoMessages)) { port in
            let socket = try WebSocketWire(port, receiveBufferBytes: 8192)
            let pings = (0..<500).flatMap { _ in ClientFrame(9, Array(repeating: 1, count: 125)).bytes }
            let total = 64 << 20
            #expect(try socket.client.sendUntilStalled(pings, max: total) < total)
        }
    }

    @Test func `a peer that takes nothing for too long is cut off`() async throws {
        let ends = Locked<WebSocketEnd?>(nil)
        let done = Gate()
        let served = webSocketServer { channel in
            do {
                while true { try await channel.send(WebSocketMessage(binary: Array(repeating: 7, count: 1 << 20))) }
            } catch let error as WebSocketEnd {
                ends.set(error)
            }
            done.open()
        }
        try await withServer(configure: { $0.limits.writeStallSeconds = 0.2 }, respond: served) { port in
            let socket = try WebSocketWire(port, receiveBufferBytes: 8192)
            await done.wait()
            #expect(ends.get()?.cause == .lost)
            withExtendedLifetime(socket) {}
        }
    }

    // MARK: Pings

    @Test func `the server pings, and a peer that answers stays`() async throws {
        var limits = WebSocketLimits()
        limits.pingSeconds = 0.05
        limits.pongSeconds = 10
        try await withServer(respond: webSocketServer(limits, handler: echoMessages)) { port in
            let socket = try WebSocketWire(port)
            var payloads: Set<[UInt8]> = []
            for _ in 0..<3 {
                let ping = try socket.read()
                #expect(ping.opcode == 9)
                payloads.insert(ping.payload)
                try socket.send(ClientFrame(10, ping.payload))
            }
            #expect(payloads.count == 3)
        }
    }

    @Test func `a peer that answers no ping is cut off, also if it sends a wrong pong`() async throws {
        var limits = WebSocketLimits()
        limits.pingSeconds = 0.05
        limits.pongSeconds = 0.2
        let metrics = Metrics()
        try await withServer(metrics: metrics, respond: webSocketServer(limits, handler: echoMessages)) { port in
            let socket = try WebSocketWire(port)
            #expect(try socket.read().opcode == 9)
            try socket.send(ClientFrame(10, [9, 9, 9]))
            #expect(try socket.client.isClosedByServer())
        }
        #expect(metrics.render().contains("cadenza_http_timeouts_total 1"))
    }

    @Test func `a long message on its way holds a pong up without harm`() async throws {
        var limits = WebSocketLimits()
        limits.pingSeconds = 0.05
        limits.pongSeconds = 0.2
        limits.bytesPerSecondMin = 1000
        try await withServer(respond: webSocketServer(limits, handler: echoMessages)) { port in
            let socket = try WebSocketWire(port)
            let bytes = Array(repeating: UInt8(1), count: 2000)
            let frame = ClientFrame(2, bytes).bytes
            var ping: ServerFrame?
            // Four pieces over more than two deadlines.
            for start in stride(from: 0, to: frame.count, by: 502) {
                try socket.client.send(Array(frame[start..<min(start + 502, frame.count)]))
                var waiting = pollfd(fd: socket.client.descriptor, events: 0, revents: 0)
                #expect(poll(&waiting, 1, 130) == 0, "cut off")
                if ping == nil { ping = try socket.read() }
            }
            #expect(ping?.opcode == 9)
            #expect(try socket.read().payload == bytes)
            try socket.send(ClientFrame(10, ping?.payload ?? []))
        }
    }
}
