import Support

@testable import HTTP

/// A server in miniature around a `WebSocketState`: bytes in, what an echo answers out.
struct WebSocketDouble: ~Copyable {
    var state: WebSocketState
    private(set) var output: [UInt8] = []
    private(set) var messages: [WebSocketMessage] = []
    private(set) var pongs: [[UInt8]] = []
    private(set) var end: WebSocketEnd?
    private var unread: [UInt8] = []

    init(limits: WebSocketLimits = WebSocketLimits(), compression: WebSocketCompression? = nil) {
        state = WebSocketState(limits: limits, compression: compression)
    }

    var frames: [ServerFrame]? { ServerFrame.parse(output) }
    var replies: [WebSocketCase.Reply]? { frames.flatMap(WebSocketCase.replies) }

    mutating func receive(_ frame: ClientFrame) { receive(frame.bytes) }

    mutating func receive(_ bytes: [UInt8]) {
        unread += bytes
        while end == nil {
            let step = unread.withUnsafeBytes { state.advance($0) }
            unread.removeFirst(step.consumed)
            switch step.action {
            case .readMore: return
            case .message(let message):
                messages.append(message)
                output += state.send(message).joined()
            case .send(let frame): output += frame
            case .pong(let payload): pongs.append(payload)
            case .end(let end):
                self.end = end
                output += state.farewell() ?? []
            }
        }
    }

    /// The same in pieces of so many bytes.
    mutating func receive(_ bytes: [UInt8], piecesOf count: Int) {
        for start in stride(from: 0, to: bytes.count, by: count) {
            receive(Array(bytes[start..<min(start + count, bytes.count)]))
        }
    }
}
