/// One whole message of a WebSocket (RFC 6455 §5.6).
public struct WebSocketMessage: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case text
        case binary
    }

    public let kind: Kind
    /// The payload; UTF-8 if the kind is text.
    public let bytes: [UInt8]

    public init(text: String) {
        kind = .text
        bytes = Array(text.utf8)
    }

    public init(binary bytes: [UInt8]) {
        kind = .binary
        self.bytes = bytes
    }

    /// - Parameter bytes: found to be UTF-8 if the kind is text.
    init(_ kind: Kind, checked bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    /// The text; `nil` for a binary message.
    public var text: String? { kind == .text ? String(decoding: bytes, as: UTF8.self) : nil }
}

/// Why a WebSocket is closed (RFC 6455 §7.4 and the registry that it set up).
public struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normal = WebSocketCloseCode(rawValue: 1000)
    public static let goingAway = WebSocketCloseCode(rawValue: 1001)
    public static let protocolError = WebSocketCloseCode(rawValue: 1002)
    public static let unsupportedData = WebSocketCloseCode(rawValue: 1003)
    /// The peer's Close named no code; never sent.
    public static let noStatus = WebSocketCloseCode(rawValue: 1005)
    /// The connection ended without a Close; never sent.
    public static let abnormal = WebSocketCloseCode(rawValue: 1006)
    public static let invalidData = WebSocketCloseCode(rawValue: 1007)
    public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    public static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    public static let internalError = WebSocketCloseCode(rawValue: 1011)
    public static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)

    /// Whether a Close frame may carry it: what is registered for that, and what libraries (3000…) and applications
    /// (4000…) define.
    public var isSendable: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// How a WebSocket came to its end.
public struct WebSocketEnd: Error, Hashable, Sendable {
    public enum Cause: Hashable, Sendable {
        /// Both sides have said Close, or ours was answered by nothing in time.
        case closed
        /// The peer broke a rule or a limit, and was told so by `code`.
        case failed
        /// The connection is gone.
        case lost
    }

    public let cause: Cause
    public let code: WebSocketCloseCode
    public let reason: String

    public init(_ cause: Cause, _ code: WebSocketCloseCode, reason: String = "") {
        self.cause = cause
        self.code = code
        self.reason = reason
    }
}

/// An open WebSocket as its handler sees it. Several tasks may send; one at a time receives.
public protocol WebSocketChannel: Sendable {
    /// The next message; `nil` once the peer has closed in order or this side has closed.
    ///
    /// While nobody receives, little is read from the peer: it is held back by its own connection.
    /// - Throws: the end, if the peer broke the rules or was lost.
    func receive() async throws(WebSocketEnd) -> WebSocketMessage?

    /// Sends one message; waits while too much waits to be sent already.
    /// - Throws: the end, if nothing can be sent any more.
    func send(_ message: WebSocketMessage) async throws(WebSocketEnd)

    /// Says Close; what the peer still sends is thrown away. The handler should return then.
    /// - Parameter reason: cut to 123 bytes.
    func close(_ code: WebSocketCloseCode, reason: String) async
}

/// Serves one WebSocket. Returning closes it with 1000, throwing with 1011. The task is cancelled once the connection
/// has ended, whichever way.
public typealias WebSocketHandler = @Sendable (any WebSocketChannel) async throws -> Void

/// What a 101 response goes on with.
public struct WebSocketUpgrade: Sendable {
    public var limits: WebSocketLimits
    /// Agreed to in the handshake; `nil` for no compression.
    public var compression: WebSocketCompression?
    public var handler: WebSocketHandler

    public init(limits: WebSocketLimits, compression: WebSocketCompression?, handler: @escaping WebSocketHandler) {
        self.limits = limits
        self.compression = compression
        self.handler = handler
    }
}
