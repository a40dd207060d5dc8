/// A connection's way to its peer: what HTTP reads from and writes to.
public struct Transport: ~Copyable {
    private var socket: Socket
    /// The last read took all there was: more, or the end, will be a new edge.
    public private(set) var isDrained = false
    /// Handed to the kernel since the connection began.
    private var sentByteCount = 0

    public init(_ socket: consuming Socket) { self.socket = socket }

    /// The peer is told by encryption who this server is, and nobody between reads along.
    public var isSecure: Bool { false }

    public func register(with loop: EventLoop, _ source: any EventSource) throws(SystemCallError) -> Registration {
        try loop.register(socket, source)
    }

    public func deregister(from loop: EventLoop, _ registration: Registration) {
        loop.deregister(socket, registration)
    }

    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Transfer {
        let transfer = try socket.read(into: buffer)
        // A part-filled buffer means an empty socket.
        isDrained = transfer != .bytes(buffer.count)
        return transfer
    }

    /// - Parameter more: more follows at once, so the kernel need not send a part-filled segment.
    public mutating func write(
        _ bytes: UnsafeRawBufferPointer, more: Bool = false
    ) throws(SystemCallError) -> Transfer {
        count(try socket.write(bytes, more: more))
    }

    /// Sends up to `count` bytes of a regular file from `offset`; `.bytes(0)` says that the file ends there.
    public mutating func send(file: Int32, offset: Int, count: Int) throws(SystemCallError) -> Transfer {
        self.count(try socket.send(file: file, offset: offset, count: count))
    }

    private mutating func count(_ transfer: Transfer) -> Transfer {
        if case .bytes(let count) = transfer { sentByteCount += count }
        return transfer
    }

    /// What the peer's kernel has acknowledged since the connection began.
    public var acknowledgedByteCount: Int { sentByteCount - socket.unacknowledgedByteCount }

    /// Small answers leave at once: without this Nagle's algorithm holds the second of two writes back.
    public func setNoDelay() { socket.setNoDelay() }

    /// Ends the sending side only; what the peer still sends can be read.
    public mutating func shutdownWrite() { socket.shutdownWrite() }

    /// Makes the closing a reset: unsent bytes are thrown away at once.
    public mutating func resetOnClose() { socket.resetOnClose() }

    /// Closes before the end of its life; nothing may be called after it.
    public mutating func close() { socket.close() }
}
