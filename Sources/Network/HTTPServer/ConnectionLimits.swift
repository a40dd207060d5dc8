/// What a peer may hold, and for how long; what an operator may want to change is a key of the configuration.
public struct ConnectionLimits: Sendable {
    /// Open connections; further ones are answered 503 and closed.
    public var connectionsMax = 4096
    /// Open connections of one IPv4 address or IPv6 /64; further ones are answered 503 and closed.
    public var connectionsPerAddressMax = 1024
    /// Connections over the limit that wait for their 503 at one time; beyond it they are closed without a word.
    public var refusingConnectionsMax = 64
    /// From the accept to the end of the TLS handshake.
    public var handshakeSeconds = 10.0
    /// From the accept, the handshake, or the first byte of a later request to the end of the head: a 408 after that.
    public var headerSeconds = 10.0
    /// Between a response and the first byte of the next request.
    public var idleKeepAliveSeconds = 75.0
    /// While the handler waits for content and none comes.
    public var bodyIdleSeconds = 30.0
    /// The least rate of content while it is waited for…
    public var bodyBytesPerSecondMin = 512.0
    /// … and by how many seconds a peer may fall behind it before its request ends.
    public var bodyRateGraceSeconds = 20.0
    /// While a response is to be sent and the peer takes nothing.
    public var writeStallSeconds = 30.0
    /// The least rate at which a peer takes a response while bytes wait to be sent…
    public var sendBytesPerSecondMin = 512.0
    /// … and by how many seconds it may fall behind it before it is cut off.
    public var sendRateGraceSeconds = 20.0
    /// After the last response, for the peer to read it and close.
    public var lingerSeconds = 5.0
    /// From the start of a drain until what still runs is cut off.
    public var drainSeconds = 30.0
    /// After that, for cancelled handlers to return.
    public var cancelSeconds = 5.0
    /// Taken from the socket in one read.
    public var readBytesMax = 64 << 10
    /// Reads of one connection before the others of its loop get their turn.
    public var readsPerTurnMax = 4
    /// Streamed bytes that wait to be sent; a handler's `write` waits while there are more.
    public var writeQueueBytesMax = 256 << 10
    /// One sendfile(2) call.
    public var fileSliceBytesMax = 256 << 10
    /// Sent on one connection before the others of its loop get their turn.
    public var sendBytesPerTurnMax = 1 << 20
    /// The `Retry-After` of a 503.
    public var retryAfterSeconds = 5

    public init() {}
}
