internal import Core

/// RFC 6455 §5.2.
enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    var isControl: Bool { rawValue >= 8 }
}

/// Why a WebSocket is failed (RFC 6455 §7.1.7), with the code that the peer is told.
struct WebSocketFault: Error, Hashable {
    let code: WebSocketCloseCode
    let reason: String

    init(_ code: WebSocketCloseCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}

/// What stands before a frame's payload.
struct WebSocketFrameHead: Hashable, Sendable {
    static let controlBytesMax = 125

    var opcode: WebSocketOpcode
    var isFinal: Bool
    /// RSV1: the first frame of a compressed message (RFC 7692 §6).
    var isCompressed: Bool
    var length: Int
    /// The masking key as a little-endian number: the first byte lies lowest.
    var mask: UInt32
}

/// Reads frame heads that come in pieces of any size. A fault is found with the byte that makes it certain.
struct WebSocketFrameParser {
    private let allowsCompression: Bool
    private var bytes: [UInt8] = []
    /// Of the whole head, as far as it is known yet.
    private var byteCount = 2

    init(allowsCompression: Bool) {
        self.allowsCompression = allowsCompression
        bytes.reserveCapacity(14)
    }

    /// Whether a part of a head has been seen.
    var hasBegun: Bool { !bytes.isEmpty }

    /// Takes bytes from `offset` on; `nil` when they do not end the head.
    mutating func parse(_ view: Bytes, offset: inout Int) throws(WebSocketFault) -> WebSocketFrameHead? {
        while bytes.count < byteCount {
            guard offset < view.count else { return nil }
            bytes.append(view[offset])
            offset += 1
            if bytes.count == 1 { try checkFirst() }
            if bytes.count == 2 { try checkSecond() }
        }
        defer {
            bytes.removeAll(keepingCapacity: true)
            byteCount = 2
        }
        return try head()
    }

    private var opcode: WebSocketOpcode? { WebSocketOpcode(rawValue: bytes[0] & 0x0F) }
    private var isFinal: Bool { bytes[0] & 0x80 != 0 }
    private var isCompressed: Bool { bytes[0] & 0x40 != 0 }
    private var shortLength: Int { Int(bytes[1] & 0x7F) }

    private func checkFirst() throws(WebSocketFault) {
        guard let opcode else { throw WebSocketFault(.protocolError, "The opcode is reserved") }
        guard bytes[0] & 0x30 == 0 else { throw WebSocketFault(.protocolError, "A reserved bit is set") }
        if isCompressed {
            guard allowsCompression, opcode == .text || opcode == .binary else {
                throw WebSocketFault(.protocolError, "The first reserved bit is set")
            }
        }
        guard isFinal || !opcode.isControl else {
            throw WebSocketFault(.protocolError, "A control frame is fragmented")
        }
    }

    private mutating func checkSecond() throws(WebSocketFault) {
        guard bytes[1] & 0x80 != 0 else { throw WebSocketFault(.protocolError, "A frame of the client is not masked") }
        guard opcode?.isControl != true || shortLength <= WebSocketFrameHead.controlBytesMax else {
            throw WebSocketFault(.protocolError, "A control frame is too long")
        }
        byteCount = 2 + 4 + (shortLength == 126 ? 2 : shortLength == 127 ? 8 : 0)
    }

    private func head() throws(WebSocketFault) -> WebSocketFrameHead {
        guard let opcode else { throw WebSocketFault(.protocolError, "The opcode is reserved") }
        var length = shortLength
        if length > 125 {
            let least = length == 126 ? 126 : 65536
            let wide = bytes[2..<bytes.count - 4].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard let exact = Int(exactly: wide), exact >= least else {
                throw WebSocketFault(.protocolError, "A length is not in its shortest form")
            }
            length = exact
        }
        let key = bytes[(bytes.count - 4)...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return WebSocketFrameHead(
            opcode: opcode, isFinal: isFinal, isCompressed: isCompressed, length: length, mask: key)
    }
}

/// Frames of this side: whole, and not masked (RFC 6455 §5.1).
enum WebSocketFrame {
    /// Payloads up to this are copied behind their head, so that both leave as one piece.
    static let joinedBytesMax = 4096

    static func head(_ opcode: WebSocketOpcode, isCompressed: Bool = false, length: Int, reserve: Int = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(10 + reserve)
        bytes.append(0x80 | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        switch length {
        case ...125: bytes.append(UInt8(length))
        case ...0xFFFF:
            bytes.append(126)
            append(UInt64(length), byteCount: 2, to: &bytes)
        default:
            bytes.append(127)
            append(UInt64(length), byteCount: 8, to: &bytes)
        }
        return bytes
    }

    static func control(_ opcode: WebSocketOpcode, _ payload: [UInt8]) -> [UInt8] {
        head(opcode, length: payload.count, reserve: payload.count) + payload
    }

    /// - Parameter reason: cut to what a control frame holds, at a character's boundary.
    static func close(_ code: WebSocketCloseCode, reason: String) -> [UInt8] {
        // A Close that named no code is answered by one that names none.
        guard code.isSendable else { return control(.close, []) }
        var payload = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)]
        for scalar in reason.unicodeScalars {
            let units = Array(String(scalar).utf8)
            guard payload.count + units.count <= WebSocketFrameHead.controlBytesMax else { break }
            payload += units
        }
        return control(.close, payload)
    }

    private static func append(_ value: UInt64, byteCount: Int, to bytes: inout [UInt8]) {
        bytes += (0..<UInt64(byteCount)).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
