internal import Glibc

/// A connection's way to its peer, with TLS or without: what HTTP reads from and writes to.
public struct Transport: ~Copyable {
    private var socket: Socket
    private var session: TLSSession?
    private var plainByteCount = 0
    private var isResetting = false
    /// The last read took all there was: more, or the end, will be a new edge.
    public private(set) var isDrained = false
    /// The peer speaks plain text where TLS is spoken. What it says can be read, and must not be obeyed.
    public private(set) var isUnprotected = false

    /// - Parameter tls: `nil` for plain text.
    /// - Throws: `SystemCallError` when memory has run out.
    public init(_ socket: consuming Socket, tls: TLSContext?) throws(SystemCallError) {
        if let tls {
            session = TLSSession(tls, descriptor: socket.descriptor)
            guard session != nil else { throw SystemCallError("SSL_new", code: ENOMEM) }
        }
        self.socket = socket
    }

    // MARK: The loop

    public func register(with loop: EventLoop, _ source: any EventSource) throws(SystemCallError) -> Registration {
        try loop.register(socket, source)
    }

    public func deregister(from loop: EventLoop, _ registration: Registration) {
        loop.deregister(socket, registration)
    }

    /// What a descriptor's events allow: TLS may have to write before a read can go on. A farewell that found no
    /// room goes out here.
    public mutating func allows(_ events: ReadyEvents) -> ReadyEvents {
        guard let session, events.contains(.writable) else { return events }
        if session.farewellAwaitsWritable { shutdownWrite() }
        return session.readAwaitsWritable ? events.union(.readable) : events
    }

    // MARK: Reading and writing

    /// The handshake, until it is done, then what the peer says. `.bytes(0)`: there may be more, but others of the
    /// loop should have their turn first.
    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Transfer {
        if let session {
            let reading = try session.read(into: buffer)
            isDrained = session.isDrained
            switch reading {
            case .bytes(let count): return .bytes(count)
            case .wouldBlock: return .wouldBlock
            case .end: return .end
            case .plainText:
                self.session = nil
                isUnprotected = true
            }
        }
        let transfer = try socket.read(into: buffer)
        // A part-filled buffer means an empty socket.
        isDrained = transfer != .bytes(buffer.count)
        return transfer
    }

    /// After `.wouldBlock` the next write must begin with the same bytes.
    /// - Parameter more: more follows at once, so the kernel need not send a part-filled segment.
    public mutating func write(
        _ bytes: UnsafeRawBufferPointer, more: Bool = false
    ) throws(SystemCallError) -> Transfer {
        if let session { return try session.write(bytes, more: more) }
        return count(try socket.write(bytes, more: more))
    }

    /// Sends up to `count` bytes of a regular file from `offset`; `.bytes(0)` says that the file ends there.
    public mutating func send(file: Int32, offset: Int, count: Int) throws(SystemCallError) -> Transfer {
        if let session { return try session.send(file: file, offset: offset, count: count) }
        return self.count(try socket.send(file: file, offset: offset, count: count))
    }

    private mutating func count(_ transfer: Transfer) -> Transfer {
        if case .bytes(let count) = transfer { plainByteCount += count }
        return transfer
    }

    /// What the peer's kernel has acknowledged since the connection began, the overhead of TLS included.
    public var acknowledgedByteCount: Int {
        (session?.sentByteCount ?? plainByteCount) - socket.unacknowledgedByteCount
    }

    /// Small answers leave at once: without this Nagle's algorithm holds the second of two writes back.
    public func setNoDelay() { socket.setNoDelay() }

    // MARK: TLS

    /// Nobody between reads along: TLS, with its handshake done.
    public var isSecure: Bool { session?.isSecure ?? false }

    public var handshake: Handshake {
        guard let session else { return .none }
        return switch session.phase {
        case .fresh, .handshake: .pending
        case .established: session.isResumed ? .resumed : .full
        case .failed: .failed
        }
    }

    public enum Handshake: Hashable, Sendable {
        /// Plain text needs none.
        case none
        case pending
        case full
        /// With the secrets of an earlier session.
        case resumed
        /// Now, or the session failed later.
        case failed
    }

    /// What OpenSSL says about a failed session.
    public var failureReason: String? { session?.failureReason }

    // MARK: The end

    /// Ends the sending side only; what the peer still sends can be read.
    public mutating func shutdownWrite() {
        guard session?.sayFarewell() ?? true else { return }
        socket.shutdownWrite()
    }

    /// Makes the closing a reset: unsent bytes are thrown away at once.
    public mutating func resetOnClose() {
        isResetting = true
        socket.resetOnClose()
    }

    /// Closes before the end of its life; nothing may be called after it.
    public mutating func close() {
        // A peer that gets no farewell knows that it may lack something.
        if !isResetting { _ = session?.sayFarewell() }
        session = nil
        socket.close()
    }
}
