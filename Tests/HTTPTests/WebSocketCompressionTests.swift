import Support
import Testing

@testable import HTTP

struct WebSocketCompressionTests {
    private static func answer(_ offers: String, windowBits: Int = 15) -> String? {
        let parsed = WebSocketExtensionOffer.parse([offers]) ?? []
        return parsed.lazy.compactMap { WebSocketCompression($0, windowBits: windowBits) }.first?.answer
    }

    // MARK: Negotiation (RFC 7692 §5, §7.1)

    @Test(arguments: [
        ("permessage-deflate", "permessage-deflate"),
        ("Permessage-Deflate", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=15"),
        ("permessage-deflate;client_max_window_bits=10", "permessage-deflate; client_max_window_bits=10"),
        ("permessage-deflate; client_max_window_bits=\"9\"", "permessage-deflate; client_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=11", "permessage-deflate; server_max_window_bits=11"),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        ),
        ("x-webkit-deflate-frame, permessage-deflate", "permessage-deflate"),
        (
            "permessage-deflate; unknown, permessage-deflate; server_max_window_bits=8, permessage-deflate",
            "permessage-deflate"
        ),
    ])
    func `an offer that can be met is met`(_ offer: String, _ answer: String) { #expect(Self.answer(offer) == answer) }

    @Test(arguments: [
        "", "permessage-bzip2", "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010", "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=+9", "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    ])
    func `an offer that cannot be met is declined`(_ offer: String) { #expect(Self.answer(offer) == nil) }

    @Test func `our own window bounds what is agreed on`() {
        let offer = "permessage-deflate; client_max_window_bits; server_max_window_bits=14"
        #expect(
            Self.answer(offer, windowBits: 12)
                == "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12")
    }

    @Test func `compression can be turned off`() throws {
        var limits = WebSocketLimits()
        var head = RequestHead(method: "GET", target: "/", path: "/")
        for (name, value) in [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ] { head.fields.append(name, value) }
        let handshake = try WebSocketHandshake(Request(head: head))
        #expect(handshake.compression(limits) != nil)
        limits.allowsCompression = false
        #expect(handshake.compression(limits) == nil)
    }

    // MARK: Messages (RFC 7692 §7.2.3)

    private static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

    private static func compressed(_ payload: [UInt8], opcode: UInt8 = 1, isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode, payload, isFinal: isFinal, reserved: opcode == 0 ? 0 : 4)
    }

    private static func texts(_ frames: [ClientFrame], _ compression: WebSocketCompression = .init()) -> [String?] {
        var peer = WebSocketDouble(compression: compression)
        peer.receive(frames.flatMap(\.bytes), piecesOf: 3)
        return peer.messages.map(\.text) + (peer.end.map { ["\($0.code.rawValue)"] } ?? [])
    }

    @Test func `the RFC's examples are understood`() {
        #expect(Self.texts([Self.compressed(Self.hello)]) == ["Hello"])
        // In two fragments.
        #expect(
            Self.texts([
                Self.compressed(Array(Self.hello[..<3]), isFinal: false),
                Self.compressed(Array(Self.hello[3...]), opcode: 0),
            ]) == ["Hello"])
        // The second message leans on the window of the first.
        #expect(
            Self.texts([Self.compressed(Self.hello), Self.compressed([0xF2, 0x00, 0x11, 0x00, 0x00])])
                == ["Hello", "Hello"])
        // A block that is not compressed.
        #expect(
            Self.texts([
                Self.compressed([0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00])
            ]) == ["Hello"])
        // A block with the final bit, and one after it.
        #expect(
            Self.texts([Self.compressed([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00])]) == ["Hello"])
        // Two blocks in one message.
        #expect(
            Self.texts([
                Self.compressed([0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00])
            ]) == ["Hello"])
        // The empty message.
        #expect(Self.texts([Self.compressed([0x00]), Self.compressed(Self.hello)]) == ["", "Hello"])
    }

    @Test func `a message may come as it is, and one of nothing at all`() {
        #expect(
            Self.texts([.text("plain"), Self.compressed([]), Self.compressed(Self.hello)]) == ["plain", "", "Hello"])
    }

    @Test func `a client that forgets cannot lean on what was before`() {
        var compression = WebSocketCompression()
        compression.clientForgets = true
        let frames = [Self.compressed(Self.hello), Self.compressed([0xF2, 0x00, 0x11, 0x00, 0x00])]
        #expect(Self.texts(frames, compression) == ["Hello", "1007"])
    }

    @Test func `RSV1 stands on the first frame of a message only`() {
        var continued = ClientFrame(0, [])
        continued.reserved = 4
        #expect(Self.texts([Self.compressed(Self.hello, isFinal: false), continued]) == ["1002"])
        #expect(Self.texts([ClientFrame(9, [], reserved: 4)]) == ["1002"])
        #expect(Self.texts([ClientFrame(1, [], reserved: 2)]) == ["1002"])
    }

    @Test func `data that are not deflated, or cut short, are refused`() {
        #expect(Self.texts([Self.compressed([0xFF, 0xFF, 0xFF])]) == ["1007"])
        #expect(Self.texts([Self.compressed(Array(Self.hello[..<4]))]) == ["1007"])
        #expect(Self.texts([Self.compressed([0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48])]) == ["1007"])
    }

    @Test func `what unfolds must be UTF-8 in a text`() {
        let stored: [UInt8] = [0x00, 0x02, 0x00, 0xFD, 0xFF, 0xC0, 0xAF, 0x00]
        #expect(Self.texts([Self.compressed(stored)]) == ["1007"])
        let cut: [UInt8] = [0x00, 0x01, 0x00, 0xFE, 0xFF, 0xC3, 0x00]
        #expect(Self.texts([Self.compressed(cut)]) == ["1007"])
    }

    @Test func `a bomb is refused while it unfolds`() throws {
        var deflater = MessageDeflater(windowBits: 15, forgets: false)
        let deflated = deflater.deflate(Array(repeating: 0, count: 8 << 20))
        let bomb = try #require(deflated)
        #expect(bomb.count < 64 << 10)
        var limits = WebSocketLimits()
        limits.messageBytesMax = 1 << 20
        var peer = WebSocketDouble(limits: limits, compression: WebSocketCompression())
        peer.receive(Self.compressed(bomb, opcode: 2))
        #expect(peer.end?.code == .messageTooBig)
    }

    // MARK: What this side compresses

    /// The server's frames read back by an inflater that knows only what was agreed on.
    private static func readBack(_ frames: [ServerFrame], windowBits: Int, forgets: Bool) throws -> [[UInt8]] {
        var inflater = MessageInflater(windowBits: windowBits, forgets: forgets)
        var messages: [[UInt8]] = []
        for frame in frames {
            var message: [UInt8] = []
            if frame.isCompressed {
                try frame.payload.withUnsafeBytes {
                    try inflater.inflate($0, into: &message, bytesMax: 1 << 24)
                }
                try inflater.finish(into: &message, bytesMax: 1 << 24)
            } else {
                message = frame.payload
            }
            messages.append(message)
        }
        return messages
    }

    @Test(arguments: [(15, false), (15, true), (12, false), (9, false), (9, true)])
    func `what is sent compressed can be read`(_ windowBits: Int, _ forgets: Bool) throws {
        var compression = WebSocketCompression()
        compression.serverWindowBits = windowBits
        compression.serverForgets = forgets
        var limits = WebSocketLimits()
        limits.windowBits = 15
        var state = WebSocketState(limits: limits, compression: compression)
        var generator = SeededGenerator(seed: 3)
        let messages: [[UInt8]] = [0, 1, 127, 128, 129, 4096, 70_000, 1 << 20, 1 << 20 + 1, 5000].map { count in
            (0..<count).map { _ in UInt8.random(in: 0...7, using: &generator) }
        }
        var frames: [ServerFrame] = []
        for message in messages {
            let bytes = Array(state.send(WebSocketMessage(binary: message)).joined())
            frames += try #require(ServerFrame.parse(bytes))
        }
        #expect(frames.map(\.isCompressed) == [false, false, false, true, true, true, true, true, false, true])
        #expect(frames[6].payload.count < 40_000)
        #expect(try Self.readBack(frames, windowBits: windowBits, forgets: forgets) == messages)
    }

    @Test func `the window carries over, unless this side forgets`() throws {
        var generator = SeededGenerator(seed: 4)
        let message = WebSocketMessage(binary: (0..<1000).map { _ in UInt8.random(in: 0...255, using: &generator) })
        for forgets in [false, true] {
            var compression = WebSocketCompression()
            compression.serverForgets = forgets
            var state = WebSocketState(compression: compression)
            _ = state.send(message)
            let second = Array(state.send(message).joined())
            #expect((second.count > 900) == forgets)
        }
    }
}
