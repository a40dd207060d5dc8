/// One WebSocket of a server as a value: bytes and wishes in, actions and frames out, no I/O and no clock.
///
/// The server calls `advance` with all unconsumed bytes until it answers `.readMore` or `.end`, and after `.end` never
/// again. It may pause between two calls for as long as it wants: that is the back-pressure. Payloads are unmasked,
/// inflated and checked as they come, so a fault is found with its first byte (RFC 6455 §8.1), and no frame is kept.
///
/// `.end` says that the peer's part is over. If the cause calls for a Close, `farewell` is the frame, to be sent when
/// the messages before it have been dealt with; after it nothing may be sent.
public struct WebSocketState: ~Copyable {
    public enum Action: Hashable, Sendable {
        /// All bytes are taken; more are needed.
        case readMore
        case message(WebSocketMessage)
        /// A frame to be sent at once: the answer to a ping.
        case send([UInt8])
        /// The peer has answered a ping, or so it says (RFC 6455 §5.5.3).
        case pong([UInt8])
        /// The peer sends nothing more that counts.
        case end(WebSocketEnd)
    }

    public struct Step: Sendable {
        /// Bytes at the front of the view that are done with.
        public let consumed: Int
        public let action: Action
    }

    private struct Message {
        var kind: WebSocketMessage.Kind
        var isCompressed: Bool
        /// Before decompression.
        var receivedByteCount = 0
        var bytes: [UInt8] = []
        var text = UTF8Validator()
    }

    /// Room that is made for a message on its frame's word alone; beyond it the message must grow to get more.
    private static let reservedBytesMax = 256 << 10

    private let limits: WebSocketLimits
    private var parser: WebSocketFrameParser
    private var frame: WebSocketFrameHead?
    /// Payload bytes of the frame that are still to come.
    private var owed = 0
    private var mask = WebSocketMask(0)
    private var control: [UInt8] = []
    private var message: Message?
    private var inflater: MessageInflater
    private var deflater: MessageDeflater
    private let compresses: Bool
    private var hasEnded = false
    /// The frame that is to answer the end.
    private var pendingFarewell: [UInt8]?
    /// A Close was handed out: nothing may follow it.
    private var hasSaidClose = false

    /// - Parameter compression: what the handshake agreed on.
    public init(limits: WebSocketLimits = WebSocketLimits(), compression: WebSocketCompression? = nil) {
        self.limits = limits
        compresses = compression != nil
        parser = WebSocketFrameParser(allowsCompression: compression != nil)
        // A window larger than agreed on does no harm in reading; zlib has none below 9.
        let least = WebSocketCompression.windowBitsLeast
        inflater = MessageInflater(
            windowBits: max(compression?.clientWindowBits ?? 15, least), forgets: compression?.clientForgets ?? false)
        deflater = MessageDeflater(
            windowBits: max(min(compression?.serverWindowBits ?? 15, limits.windowBits), least),
            forgets: compression?.serverForgets ?? false)
    }

    /// This side has said Close.
    public var isClosing: Bool { hasSaidClose }

    /// In the middle of a frame or of a message of several.
    public var isInMessage: Bool { parser.hasBegun || frame != nil || message != nil }
}

// MARK: What this side sends

extension WebSocketState {
    /// The pieces of a data frame; empty once a Close was said.
    public mutating func send(_ message: WebSocketMessage) -> [[UInt8]] {
        guard !hasSaidClose else { return [] }
        let opcode: WebSocketOpcode = message.kind == .text ? .text : .binary
        var payload = message.bytes
        var isCompressed = false
        if compresses, payload.count >= max(limits.compressedBytesMin, 1), payload.count <= limits.compressedBytesMax,
            let deflated = deflater.deflate(payload)
        {
            payload = deflated
            isCompressed = true
        }
        let isJoined = payload.count <= WebSocketFrame.joinedBytesMax
        var head = WebSocketFrame.head(
            opcode, isCompressed: isCompressed, length: payload.count, reserve: isJoined ? payload.count : 0)
        guard isJoined else { return [head, payload] }
        head.append(contentsOf: payload)
        return [head]
    }

    /// A ping; `nil` once a Close was said.
    /// - Parameter payload: up to 125 bytes.
    public func ping(_ payload: [UInt8]) -> [UInt8]? {
        hasSaidClose ? nil : WebSocketFrame.control(.ping, payload)
    }

    /// This side's Close; `nil` if it was said already. What the peer sends from now on is checked and thrown away.
    public mutating func close(_ code: WebSocketCloseCode, reason: String = "") -> [UInt8]? {
        guard !hasSaidClose else { return nil }
        hasSaidClose = true
        message = nil
        return pendingFarewell ?? WebSocketFrame.close(code, reason: reason)
    }

    /// The Close that answers the end; `nil` if there is none to send.
    public mutating func farewell() -> [UInt8]? {
        guard let frame = pendingFarewell, !hasSaidClose else { return nil }
        hasSaidClose = true
        return frame
    }
}

// MARK: What the peer sends

extension WebSocketState {
    /// The next thing to do, given all unconsumed bytes.
    public mutating func advance(_ bytes: UnsafeRawBufferPointer) -> Step {
        precondition(!hasEnded, "the WebSocket has ended")
        var offset = 0
        do throws(WebSocketFault) {
            while true {
                if frame == nil {
                    guard let head = try parser.parse(bytes, offset: &offset) else { break }
                    try begin(head)
                }
                let count = min(owed, bytes.count - offset)
                if count > 0 { try take(bytes.sub(offset..<offset + count)) }
                offset += count
                owed -= count
                guard owed == 0 else { break }
                if let action = try endFrame() { return Step(consumed: offset, action: action) }
            }
            return Step(consumed: bytes.count, action: .readMore)
        } catch {
            pendingFarewell = WebSocketFrame.close(error.code, reason: error.reason)
            return Step(
                consumed: bytes.count, action: end(WebSocketEnd(.failed, error.code, reason: error.reason)))
        }
    }

    /// The connection ended without a Close from the peer.
    public mutating func peerVanished() -> WebSocketEnd {
        hasEnded = true
        message = nil
        return hasSaidClose ? WebSocketEnd(.closed, .abnormal) : WebSocketEnd(.lost, .abnormal)
    }

    private mutating func end(_ end: WebSocketEnd) -> Action {
        hasEnded = true
        message = nil
        control = []
        return .end(end)
    }

    private mutating func begin(_ head: WebSocketFrameHead) throws(WebSocketFault) {
        switch head.opcode {
        case .close, .ping, .pong: control.removeAll(keepingCapacity: true)
        case .continuation:
            guard message != nil || hasSaidClose else {
                throw WebSocketFault(.protocolError, "There is no message to continue")
            }
            try checkRoom(for: head)
        case .text, .binary:
            guard message == nil else {
                throw WebSocketFault(.protocolError, "A message begins inside another")
            }
            guard !hasSaidClose else { break }
            message = Message(kind: head.opcode == .text ? .text : .binary, isCompressed: head.isCompressed)
            try checkRoom(for: head)
            message?.bytes.reserveCapacity(min(head.length, Self.reservedBytesMax))
        }
        frame = head
        owed = head.length
        mask = WebSocketMask(head.mask)
    }

    /// A frame that is too long is refused by its head.
    private func checkRoom(for head: WebSocketFrameHead) throws(WebSocketFault) {
        let room = message.map { $0.isCompressed ? .max : limits.messageBytesMax - $0.bytes.count } ?? .max
        guard head.length <= min(room, limits.frameBytesMax) else {
            throw WebSocketFault(.messageTooBig, "The message is too long")
        }
    }

    private mutating func take(_ bytes: Bytes) throws(WebSocketFault) {
        guard frame?.opcode.isControl != true else {
            Self.append(bytes, unmaskedBy: &mask, to: &control)
            return
        }
        // After our own Close messages are thrown away.
        guard var message else { return }
        // Taken out meanwhile: two owners would make the append copy everything.
        self.message = nil
        message.receivedByteCount += bytes.count
        let start = message.bytes.count
        if message.isCompressed {
            try inflate(bytes, into: &message.bytes)
        } else {
            Self.append(bytes, unmaskedBy: &mask, to: &message.bytes)
        }
        try Self.check(&message, from: start)
        self.message = message
    }

    private static func append(_ bytes: Bytes, unmaskedBy mask: inout WebSocketMask, to payload: inout [UInt8]) {
        let start = payload.count
        payload.append(contentsOf: bytes)
        payload.withUnsafeMutableBytes { mask.apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
    }

    private mutating func inflate(_ bytes: Bytes, into payload: inout [UInt8]) throws(WebSocketFault) {
        var plain = Array(bytes)
        plain.withUnsafeMutableBytes { mask.apply(to: $0) }
        // The result carries the typed error over a closure that would lose its type.
        let result: Result<Void, WebSocketFault> = plain.withUnsafeBytes { plain in
            do throws(WebSocketFault) {
                return .success(try inflater.inflate(plain, into: &payload, bytesMax: limits.messageBytesMax))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private static func check(_ message: inout Message, from start: Int) throws(WebSocketFault) {
        guard message.kind == .text else { return }
        let isValid = message.bytes.withUnsafeBytes { message.text.accept($0.sub(from: start)) }
        guard isValid else { throw WebSocketFault(.invalidData, "The text is not UTF-8") }
    }

    private mutating func endFrame() throws(WebSocketFault) -> Action? {
        guard let frame else { return nil }
        self.frame = nil
        switch frame.opcode {
        case .close: return try endByClose()
        case .ping: return hasSaidClose ? nil : .send(WebSocketFrame.control(.pong, control))
        case .pong: return .pong(control)
        case .continuation, .text, .binary:
            guard frame.isFinal, var message else { return nil }
            self.message = nil
            // A peer that has nothing to flush sends nothing at all.
            if message.isCompressed, message.receivedByteCount > 0 {
                let start = message.bytes.count
                try inflater.finish(into: &message.bytes, bytesMax: limits.messageBytesMax)
                try Self.check(&message, from: start)
            }
            guard message.kind == .binary || message.text.isAtBoundary else {
                throw WebSocketFault(.invalidData, "The text ends inside a character")
            }
            return .message(WebSocketMessage(message.kind, checked: message.bytes))
        }
    }

    /// RFC 6455 §5.5.1.
    private mutating func endByClose() throws(WebSocketFault) -> Action {
        guard control.count != 1 else { throw WebSocketFault(.protocolError, "A Close has half a code") }
        var code = WebSocketCloseCode.noStatus
        var reason = ""
        if control.count >= 2 {
            code = WebSocketCloseCode(rawValue: UInt16(control[0]) << 8 | UInt16(control[1]))
            guard code.isSendable else { throw WebSocketFault(.protocolError, "A Close has a code of no meaning") }
            guard let text = String(validating: control[2...], as: UTF8.self) else {
                throw WebSocketFault(.invalidData, "The reason of a Close is not UTF-8")
            }
            reason = text
        }
        if !hasSaidClose { pendingFarewell = WebSocketFrame.close(code, reason: "") }
        return end(WebSocketEnd(.closed, code, reason: reason))
    }
}
