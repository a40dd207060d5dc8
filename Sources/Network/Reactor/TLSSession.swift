internal import COpenSSL
internal import Glibc

/// The server's side of one TLS connection on a non-blocking socket. The handshake runs inside `read`, on the loop.
final class TLSSession {
    // SAFETY: used only on its connection's loop, like the Transport that owns it.

    enum Phase {
        /// Not a byte of the peer is here.
        case fresh
        case handshake
        case established
        /// A fatal error: nothing more may be sent, not even a farewell.
        case failed(SystemCallError)
    }

    enum Reading {
        /// At least one byte; or none, when the peer has sent so much else that others' turn has come.
        case bytes(Int)
        case wouldBlock
        /// The peer has said that it sends nothing more (close_notify).
        case end
        /// The first byte is no TLS record's but a letter, as HTTP begins.
        case plainText
    }

    /// The most content of one record (RFC 8446 §5.1).
    static let recordBytesMax = 16 << 10
    /// What a peer may send between two bytes of content: handshakes, key updates, empty records.
    static let overheadBytesMax = 64 << 10

    private(set) var phase = Phase.fresh
    /// The last read took all that the socket had.
    private(set) var isDrained = false
    /// Why the session failed, in OpenSSL's words.
    private(set) var failureReason: String?
    /// A read must answer something before it goes on, and the socket has no room for that.
    private(set) var readAwaitsWritable = false
    /// The farewell found no room in the socket.
    private(set) var farewellAwaitsWritable = false

    private let context: TLSContext
    private let ssl: OpaquePointer
    private let wire: UnsafeMutablePointer<TLSWire>

    /// `nil` when memory has run out.
    init?(_ context: TLSContext, descriptor: Int32) {
        // SAFETY: freed in deinit, after the SSL whose BIO points to it.
        wire = .allocate(capacity: 1)
        wire.initialize(to: TLSWire(descriptor: descriptor))
        guard let ssl = context.makeSession() else {
            wire.deallocate()
            return nil
        }
        guard let bio = TLSWire.makeBIO(wire) else {
            SSL_free(ssl)
            wire.deallocate()
            return nil
        }
        self.context = context
        self.ssl = ssl
        // One reference is given away for both directions.
        SSL_set_bio(ssl, bio, bio)
        SSL_set_accept_state(ssl)
    }

    deinit {
        SSL_free(ssl)
        wire.deallocate()
    }

    private var isEstablished: Bool { if case .established = phase { true } else { false } }
    /// What has been read came under protection, even if the session has failed since.
    private(set) var isSecure = false
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }
    /// Bytes handed to the kernel, overhead and all.
    var sentByteCount: Int { wire.pointee.sentByteCount }

    // MARK: Reading

    /// Fills the buffer as far as the socket goes; before that, the handshake.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Reading {
        wire.pointee.allowance = buffer.count + Self.recordBytesMax
        wire.pointee.isAllowanceSpent = false
        // What an earlier look saw is out of date: the edge since then may have come while nobody read.
        wire.pointee.isEmpty = false
        isDrained = false
        readAwaitsWritable = false
        if case .failed(let error) = phase { throw error }
        if case .fresh = phase, let reading = try look() { return reading }
        if case .handshake = phase {
            ERR_clear_error()
            let status = SSL_do_handshake(ssl)
            guard status == 1 else { return try stopped(status, during: "handshake") }
            phase = .established
            isSecure = true
            wire.pointee.overheadByteCount = 0
        }
        return try readContent(into: buffer)
    }

    /// `nil` once the peer's first byte is there and looks like TLS.
    private func look() throws(SystemCallError) -> Reading? {
        var first: UInt8 = 0
        let count = recv(wire.pointee.descriptor, &first, 1, Int32(MSG_PEEK))
        if count < 0, errno == EAGAIN || errno == EINTR {
            isDrained = errno == EAGAIN
            return isDrained ? .wouldBlock : .bytes(0)
        }
        guard count > 0 else { throw fail("recv", count == 0 ? ECONNRESET : errno, "closed before the handshake") }
        if first >= UInt8(ascii: "A") && first <= UInt8(ascii: "Z") { return .plainText }
        phase = .handshake
        return nil
    }

    private func readContent(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Reading {
        var filled = 0
        while filled < buffer.count {
            var count = 0
            ERR_clear_error()
            // SAFETY: the rest of the buffer is written to, within its bounds.
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let status = SSL_read_ex(ssl, rest.baseAddress, rest.count, &count)
            guard status == 1 else {
                if filled == 0 { return try stopped(status, during: "read") }
                // What came before it goes first: an error is kept, the end is told again at the next read.
                let code = SSL_get_error(ssl, status)
                if code == SSL_ERROR_SSL || code == SSL_ERROR_SYSCALL { _ = fatal(code, during: "read") }
                isDrained = code == SSL_ERROR_WANT_READ && !wire.pointee.isAllowanceSpent
                return .bytes(filled)
            }
            filled += count
            wire.pointee.overheadByteCount = 0
            if wire.pointee.isEmpty && SSL_has_pending(ssl) == 0 {
                isDrained = true
                break
            }
        }
        return .bytes(filled)
    }

    private func stopped(_ status: Int32, during call: String) throws(SystemCallError) -> Reading {
        let code = SSL_get_error(ssl, status)
        switch code {
        case SSL_ERROR_WANT_READ:
            guard wire.pointee.overheadByteCount <= Self.overheadBytesMax else {
                throw fail(call, EPROTO, "too much overhead without content")
            }
            if wire.pointee.isAllowanceSpent { return .bytes(0) }
            isDrained = true
            return .wouldBlock
        case SSL_ERROR_WANT_WRITE:
            readAwaitsWritable = true
            isDrained = true
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .end
        default: throw fatal(code, during: call)
        }
    }

    private func fatal(_ code: Int32, during call: String) -> SystemCallError {
        guard code == SSL_ERROR_SYSCALL else { return fail(call, EPROTO, TLSIdentityLoader.reason()) }
        // Without an errno it is an end without close_notify: content may have been cut off.
        let errno = wire.pointee.failure
        return errno == 0 ? fail(call, ECONNRESET, "cut off") : fail(call, errno, "the socket failed")
    }

    private func fail(_ call: String, _ code: Int32, _ reason: String) -> SystemCallError {
        let error = SystemCallError("TLS \(call)", code: code)
        phase = .failed(error)
        failureReason = reason
        return error
    }

    // MARK: Writing

    /// At most one record. After `.wouldBlock` the next write must begin with the same bytes.
    func write(_ bytes: UnsafeRawBufferPointer, more: Bool) throws(SystemCallError) -> Transfer {
        switch phase {
        case .failed(let error): throw error
        case .fresh, .handshake: return .wouldBlock
        case .established: break
        }
        wire.pointee.more = more
        defer { wire.pointee.more = false }
        var count = 0
        ERR_clear_error()
        let status = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
        if status == 1 { return .bytes(count) }
        let code = SSL_get_error(ssl, status)
        if code == SSL_ERROR_WANT_WRITE { return .wouldBlock }
        throw fatal(code, during: "write")
    }

    /// As `Socket.send`, through a record's worth of memory: only the kernel could encrypt inside sendfile(2).
    func send(file: Int32, offset: Int, count: Int) throws(SystemCallError) -> Transfer {
        let result = withUnsafeTemporaryAllocation(byteCount: Self.recordBytesMax, alignment: 16) {
            buffer -> Result<Transfer, SystemCallError> in
            var sent = 0
            do throws(SystemCallError) {
                while sent < count {
                    let wanted = min(buffer.count, count - sent)
                    let got = pread(file, buffer.baseAddress, wanted, off_t(offset + sent))
                    if got < 0, errno == EINTR { continue }
                    guard got >= 0 else { throw SystemCallError("pread", code: errno) }
                    if got == 0 { break }
                    let piece = UnsafeRawBufferPointer(rebasing: buffer[..<got])
                    guard case .bytes(let written) = try write(piece, more: sent + got < count) else {
                        return .success(sent == 0 ? .wouldBlock : .bytes(sent))
                    }
                    sent += written
                }
                return .success(.bytes(sent))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    // MARK: The end

    /// Says that nothing more is sent (close_notify, RFC 8446 §6.1). False if it must be tried again once the socket
    /// can be written.
    func sayFarewell() -> Bool {
        farewellAwaitsWritable = false
        guard isEstablished, SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN == 0 else { return true }
        ERR_clear_error()
        let status = SSL_shutdown(ssl)
        farewellAwaitsWritable = status < 0 && SSL_get_error(ssl, status) == SSL_ERROR_WANT_WRITE
        return !farewellAwaitsWritable
    }
}
