internal import HTTP

extension FuzzTarget {
    /// The cut changes nothing, no message is larger than the limit, and after the end nothing comes.
    static func webSocketFault(_ bytes: [UInt8], _ cuts: inout Cuts) -> String? {
        for compression in [nil, agreedCompression] {
            let whole = receive([bytes], compression)
            let cut = receive(cuts.pieces(of: bytes), compression)
            if whole != cut { return "the cut changes the outcome: \(whole) and \(cut)" }
        }
        return nil
    }

    /// What a handshake comes to that offers permessage-deflate.
    private static var agreedCompression: WebSocketCompression? {
        var head = RequestHead(method: "GET", target: "/", path: "/")
        for (name, value) in [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ] {
            head.fields.append(name, value)
        }
        guard let handshake = try? WebSocketHandshake(Request(head: head)) else { return nil }
        let response = Response.webSocket(handshake, limits: WebSocketLimits()) { _ in }
        guard case .webSocket(let upgrade) = response.body else { return nil }
        return upgrade.compression
    }

    private static func receive(_ pieces: [[UInt8]], _ compression: WebSocketCompression?) -> [String] {
        var limits = WebSocketLimits()
        limits.messageBytesMax = 4096
        limits.frameBytesMax = 2048
        var state = WebSocketState(limits: limits, compression: compression)
        var log: [String] = []
        var unread: [UInt8] = []
        for piece in pieces {
            unread += piece
            pull: while true {
                let step = unread.withUnsafeBytes { state.advance($0) }
                unread.removeFirst(step.consumed)
                switch step.action {
                case .readMore: break pull
                case .message(let message):
                    if message.bytes.count > limits.messageBytesMax { return ["a message over the limit"] }
                    log.append("\(message)")
                case .send(let frame): log.append("send \(frame)")
                case .pong(let payload): log.append("pong \(payload)")
                // Of two faults in one compressed frame the cut decides which is seen first.
                case .end(let end) where compression != nil && end.cause == .failed: return log + ["failed"]
                case .end(let end): return log + ["\(end) \(state.farewell() ?? [])"]
                }
            }
        }
        return log
    }
}
