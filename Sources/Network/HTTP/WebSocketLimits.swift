/// What one WebSocket may hold, and how long its peer may take; each bound names what happens beyond it.
public struct WebSocketLimits: Hashable, Sendable {
    /// One message of the peer, its fragments together and after decompression; beyond it close 1009.
    public var messageBytesMax = 16 << 20
    /// The payload of one frame as it is sent; beyond it close 1009.
    public var frameBytesMax = 16 << 20
    /// Messages that wait to be received; while there are as many, nothing is read from the peer.
    public var queuedMessagesMax = 32
    /// Bytes of the messages that wait to be received; while there are as many, nothing is read from the peer.
    public var queuedBytesMax = 256 << 10
    /// Between two pings to the peer.
    public var pingSeconds = 30.0
    /// From a ping to its pong; the connection is cut off after that.
    public var pongSeconds = 20.0
    /// The least rate at which a message arrives that holds up a pong; below it the connection is cut off.
    public var bytesPerSecondMin = 512.0
    /// From one side's close to the other's; the connection is ended after that.
    public var closeSeconds = 5.0
    /// Whether permessage-deflate is agreed to if the peer offers it.
    public var allowsCompression = true
    /// Messages shorter than this are sent as they are: compressing them gains nothing.
    public var compressedBytesMin = 128
    /// Messages longer than this are sent as they are: compressing them would hold the event loop up.
    public var compressedBytesMax = 1 << 20
    /// Base-two logarithm of the window for compression, 9 to 15; a connection holds about eight times the window.
    public var windowBits = 12

    public init() {}
}
