import Support
import Testing

@testable import HTTP

struct WebSocketStateTests {
    @Test(arguments: WebSocketCase.all)
    func `an echo answers as the RFC says`(_ item: WebSocketCase) {
        var peer = WebSocketDouble()
        peer.receive(item.bytes)
        #expect(peer.replies == item.replies)
    }

    @Test(arguments: WebSocketCase.all)
    func `pieces of any size make no difference`(_ item: WebSocketCase) {
        for count in [1, 2, 3, 7, 1021] where count > 3 || item.bytes.count < 2048 {
            var peer = WebSocketDouble()
            peer.receive(item.bytes, piecesOf: count)
            #expect(peer.replies == item.replies, "pieces of \(count)")
        }
    }

    @Test(arguments: WebSocketCase.all.filter { $0.bytes.count < 200 })
    func `a cut at any byte makes no difference`(_ item: WebSocketCase) {
        for cut in 0...item.bytes.count {
            var peer = WebSocketDouble()
            peer.receive(Array(item.bytes[..<cut]))
            peer.receive(Array(item.bytes[cut...]))
            #expect(peer.replies == item.replies, "cut at \(cut)")
        }
    }

    @Test func `a bad byte of a text is found at once, before its frame has ended`() {
        var frame = ClientFrame(1, Array("κόσμε".utf8) + [0xF4, 0x90] + Array(repeating: 0x61, count: 1000))
        frame.isFinal = false
        let bytes = frame.bytes
        // Head of 8 bytes, 11 good ones, then the first that no text may have there is the twelfth's successor.
        for count in 1...(8 + 10 + 1) {
            var peer = WebSocketDouble()
            peer.receive(Array(bytes[..<count]))
            #expect(peer.end == nil, "\(count) bytes")
        }
        var peer = WebSocketDouble()
        peer.receive(Array(bytes[..<(8 + 10 + 2)]))
        #expect(peer.end?.code == .invalidData)
    }

    @Test func `a wrong first byte is found without a second`() {
        var peer = WebSocketDouble()
        peer.receive([0x83])
        #expect(peer.end?.code == .protocolError)
    }

    @Test func `a message over the limit is refused by its head, a fragmented one by the frame that passes it`() {
        var limits = WebSocketLimits()
        limits.messageBytesMax = 1000
        var whole = WebSocketDouble(limits: limits)
        whole.receive(ClientFrame(2, Array(repeating: 0, count: 1000)))
        #expect(whole.messages.count == 1)
        var head = ClientFrame(2)
        head.claimedLength = 1001
        whole.receive(head)
        #expect(whole.end?.code == .messageTooBig)

        var pieces = WebSocketDouble(limits: limits)
        pieces.receive(ClientFrame(2, Array(repeating: 0, count: 600), isFinal: false))
        pieces.receive(ClientFrame(9))
        #expect(pieces.end == nil)
        pieces.receive(ClientFrame(0, Array(repeating: 0, count: 401), isFinal: false))
        #expect(pieces.end?.code == .messageTooBig)
    }

    @Test func `a frame has a limit of its own`() {
        var limits = WebSocketLimits()
        limits.frameBytesMax = 100
        var peer = WebSocketDouble(limits: limits)
        peer.receive(ClientFrame(2, Array(repeating: 0, count: 100), isFinal: false))
        peer.receive(ClientFrame(0, Array(repeating: 0, count: 100)))
        #expect(peer.messages.map(\.bytes.count) == [200])
        peer.receive(ClientFrame(2, Array(repeating: 0, count: 101)))
        #expect(peer.end?.code == .messageTooBig)
    }

    @Test func `after our Close the peer's messages are thrown away and its Close ends it`() {
        var peer = WebSocketDouble()
        peer.receive(.text("half", isFinal: false))
        #expect(peer.state.close(.goingAway, reason: "bye") == [0x88, 5, 0x03, 0xE9, 0x62, 0x79, 0x65])
        #expect(peer.state.close(.normal) == nil)
        #expect(peer.state.send(WebSocketMessage(text: "late")) == [])
        #expect(peer.state.ping([]) == nil)
        peer.receive(ClientFrame(0, Array("done".utf8)).bytes + ClientFrame(9).bytes + ClientFrame.text("more").bytes)
        #expect(peer.messages == [])
        #expect(peer.end == nil)
        peer.receive(.close(1001))
        #expect(peer.end == WebSocketEnd(.closed, .goingAway))
        #expect(peer.output == [])
    }

    @Test func `a fault after our Close ends it without another Close`() {
        var peer = WebSocketDouble()
        _ = peer.state.close(.normal)
        peer.receive(ClientFrame(3))
        #expect(peer.end?.code == .protocolError)
        #expect(peer.output == [])
    }

    @Test func `the Close that answers the peer's takes the place of our own`() {
        var state = WebSocketState()
        let step = ClientFrame.close(4000, "why").bytes.withUnsafeBytes { state.advance($0) }
        #expect(step.action == .end(WebSocketEnd(.closed, WebSocketCloseCode(rawValue: 4000), reason: "why")))
        // What the handler still had to say goes out before it.
        #expect(state.send(WebSocketMessage(text: "a")) == [[0x81, 1, 0x61]])
        #expect(state.close(.normal) == [0x88, 2, 0x0F, 0xA0])
        #expect(state.farewell() == nil)
    }

    @Test func `a reason too long is cut between characters`() {
        var state = WebSocketState()
        let frame = state.close(.normal, reason: String(repeating: "€", count: 60))
        #expect(frame?.count == 2 + 2 + 41 * 3)
        #expect(
            ServerFrame.parse(frame ?? [])?.first?.payload.dropFirst(2).elementsEqual(
                String(repeating: "€", count: 41).utf8) == true)
    }

    @Test func `the end of the connection without a Close is no order`() {
        var open = WebSocketState()
        #expect(open.peerVanished() == WebSocketEnd(.lost, .abnormal))
        var closing = WebSocketState()
        _ = closing.close(.normal)
        #expect(closing.peerVanished() == WebSocketEnd(.closed, .abnormal))
    }

    @Test func `pongs are reported with their payload`() {
        var peer = WebSocketDouble()
        peer.receive(ClientFrame(10, [1, 2, 3]))
        #expect(peer.pongs == [[1, 2, 3]])
    }

    @Test(arguments: [0, 1, 125, 126, 4096, 4097, 65_535, 65_536])
    func `frames of ours have the shortest length`(_ count: Int) {
        var state = WebSocketState()
        let bytes = Array(repeating: UInt8(7), count: count)
        let frames = ServerFrame.parse(Array(state.send(WebSocketMessage(binary: bytes)).joined()))
        #expect(frames == [ServerFrame(2, bytes)])
    }

    /// Four megabytes in fragments of 64 bytes: with a copy of the message for each, this would take minutes.
    @Test(.timeLimit(.minutes(1))) func `many fragments cost no more than their bytes`() {
        let count = 65_536
        var bytes: [UInt8] = []
        for index in 0..<count {
            bytes += ClientFrame(index == 0 ? 2 : 0, Array(repeating: 5, count: 64), isFinal: index == count - 1).bytes
        }
        var peer = WebSocketDouble()
        peer.receive(bytes, piecesOf: 65_536)
        #expect(peer.messages.map(\.bytes.count) == [4 << 20])
    }
}
