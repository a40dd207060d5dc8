internal import CLinux
internal import Glibc

/// What a non-blocking call on a socket came to.
public enum Transfer: Hashable, Sendable {
    case bytes(Int)
    case wouldBlock
    /// The peer has closed its sending side; only reads answer so.
    case end
}

/// Owns a connected, non-blocking stream socket and closes it at the end of its life.
public struct Socket: ~Copyable {
    /// -1 once closed.
    private(set) var descriptor: Int32

    init(owning descriptor: Int32) { self.descriptor = descriptor }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    /// Closes before the end of its life; nothing may be called after it.
    public mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Transfer {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { throw SystemCallError("recv") }
        }
    }

    /// - Parameter more: more follows at once, so the kernel need not send a part-filled segment.
    public func write(_ bytes: UnsafeRawBufferPointer, more: Bool = false) throws(SystemCallError) -> Transfer {
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        while true {
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return .bytes(count) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { throw SystemCallError("send") }
        }
    }

    /// Sends up to `count` bytes of a regular file from `offset`; `.bytes(0)` says that the file ends there.
    public func send(file: Int32, offset: Int, count: Int) throws(SystemCallError) -> Transfer {
        var position = off_t(offset)
        while true {
            let sent = sendfile(descriptor, file, &position, count)
            if sent >= 0 { return .bytes(sent) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { throw SystemCallError("sendfile") }
        }
    }

    /// Bytes written that the peer has not acknowledged, sent or not; 0 if that cannot be known.
    public var unacknowledgedByteCount: Int { Int(cadenza_unacknowledged_bytes(descriptor)) }

    /// Small answers leave at once: without this Nagle's algorithm holds the second of two writes back.
    public func setNoDelay() {
        var flag: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &flag, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Ends the sending side only; what the peer still sends can be read.
    public func shutdownWrite() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Makes the closing of the socket a reset: unsent bytes are thrown away at once.
    public func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}
