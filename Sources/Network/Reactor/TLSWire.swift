internal import COpenSSL
internal import Glibc

/// The socket under a TLS session, as OpenSSL's BIO: its own would raise SIGPIPE, and would let a peer that sends
/// nothing but overhead keep one read busy for ever.
struct TLSWire {
    let descriptor: Int32
    /// The errno of a system call that failed for good.
    var failure: Int32 = 0
    /// Bytes that may still be taken before the loop's other sources get their turn.
    var allowance = 0
    var isAllowanceSpent = false
    /// The last read got less than it had room for: the socket is empty.
    var isEmpty = false
    /// More follows at once.
    var more = false
    /// Taken since the peer sent the last byte of content.
    var overheadByteCount = 0
    var sentByteCount = 0

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func receive(_ buffer: UnsafeMutablePointer<CChar>?, _ count: Int32, for bio: OpaquePointer) -> Int32 {
        guard allowance > 0, overheadByteCount <= TLSSession.overheadBytesMax else {
            isAllowanceSpent = true
            BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
            return -1
        }
        while true {
            let received = recv(descriptor, buffer, Int(count), 0)
            if received >= 0 {
                isEmpty = received < Int(count)
                allowance -= received
                overheadByteCount += received
                return Int32(received)
            }
            if errno == EINTR { continue }
            if errno == EAGAIN {
                isEmpty = true
                BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
            } else {
                failure = errno
            }
            return -1
        }
    }

    mutating func send(_ bytes: UnsafePointer<CChar>?, _ count: Int32, for bio: OpaquePointer) -> Int32 {
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        while true {
            let sent = Glibc.send(descriptor, bytes, Int(count), flags)
            if sent >= 0 {
                sentByteCount += sent
                return Int32(sent)
            }
            if errno == EINTR { continue }
            if errno == EAGAIN {
                BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
            } else {
                failure = errno
            }
            return -1
        }
    }

    // MARK: The BIO

    // SAFETY: made once, then only read; OpenSSL counts the BIOs made of it.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cadenza socket") else {
            return nil
        }
        BIO_meth_set_read(method) { bio, buffer, count in
            TLSWire.with(bio) { $0.pointee.receive(buffer, count, for: $1) }
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            TLSWire.with(bio) { $0.pointee.send(bytes, count, for: $1) }
        }
        // Nothing is buffered here, so a flush has always succeeded; to every other question the answer is no.
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()

    private static func with(
        _ bio: OpaquePointer?, _ body: (UnsafeMutablePointer<TLSWire>, OpaquePointer) -> Int32
    ) -> Int32 {
        guard let bio, let data = BIO_get_data(bio) else { return -1 }
        BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
        // SAFETY: the data is the wire that `makeBIO` was given, which outlives the BIO.
        return body(data.assumingMemoryBound(to: TLSWire.self), bio)
    }

    /// A BIO on `wire`, which must outlive it; `nil` when memory has run out.
    static func makeBIO(_ wire: UnsafeMutablePointer<TLSWire>) -> OpaquePointer? {
        guard let method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, wire)
        BIO_set_init(bio, 1)
        return bio
    }
}
