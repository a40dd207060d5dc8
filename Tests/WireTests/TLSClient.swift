import COpenSSL
import Glibc
import Support
import Testing

/// What a test's client asks for.
struct TLSWish {
    var versions: ClosedRange<Int32> = TLS1_2_VERSION...TLS1_3_VERSION
    var protocols: [String] = []
    var serverName: String?
    /// Of an earlier client, to be resumed.
    var session: TLSClient.Session?
    /// Sessions of TLS 1.2 are then kept by the server, under an id.
    var takesTickets = true
    var ciphers: String?
}

enum TLSClientError: Error, Equatable {
    /// OpenSSL's words; an alert reads "… alert …".
    case failed(String)
    /// The connection ended inside the handshake.
    case cutOff
}

/// The client's side of TLS between two buffers of bytes: what carries them is the caller's.
final class TLSClient: WireCipher {
    /// SAFETY: freed once; a session is not changed after the handshake that made it.
    final class Session: @unchecked Sendable {
        let pointer: OpaquePointer

        init(owning pointer: OpaquePointer) { self.pointer = pointer }

        deinit { SSL_SESSION_free(pointer) }
    }

    private let context: OpaquePointer
    let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer

    init(_ wish: TLSWish) throws {
        context = try #require(SSL_CTX_new(TLS_client_method()))
        ssl = try #require(SSL_new(context))
        input = try #require(BIO_new(BIO_s_mem()))
        output = try #require(BIO_new(BIO_s_mem()))
        SSL_set_bio(ssl, input, output)
        SSL_set_connect_state(ssl)
        // The versions that a server must refuse are switched off by the security level.
        if wish.versions.lowerBound < TLS1_2_VERSION { SSL_set_security_level(ssl, 0) }
        SSL_ctrl(ssl, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(wish.versions.lowerBound), nil)
        SSL_ctrl(ssl, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(wish.versions.upperBound), nil)
        if !wish.takesTickets { SSL_set_options(ssl, UInt64(1) << 14) }
        if let ciphers = wish.ciphers { try #require(SSL_set_cipher_list(ssl, ciphers) == 1) }
        if let name = wish.serverName { try #require(cadenza_tls_ask_for_name(ssl, name) == 1) }
        if let session = wish.session { try #require(SSL_set_session(ssl, session.pointer) == 1) }
        let list = wish.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !list.isEmpty { try #require(SSL_set_alpn_protos(ssl, list, UInt32(list.count)) == 0) }
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    var version: String { String(cString: SSL_get_version(ssl)) }
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }
    var cipher: String { String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))) }

    /// The protocol that the server chose, "" for none.
    var chosenProtocol: String {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        // SAFETY: OpenSSL's own `count` bytes, copied at once.
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
    }

    /// The common name in the server's certificate.
    var serverIdentity: String? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        var text = [CChar](repeating: 0, count: 128)
        let count = X509_NAME_get_text_by_NID(
            X509_get_subject_name(certificate), NID_commonName, &text, Int32(text.count))
        return count < 0 ? nil : String(decoding: text.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// For a later client. Under TLS 1.3 the server sends tickets after the handshake: read something first.
    var session: Session? {
        guard let session = SSL_get1_session(ssl), SSL_SESSION_is_resumable(session) == 1 else { return nil }
        return Session(owning: session)
    }

    // MARK: Bytes

    /// True once the handshake is done; `produced` is to be sent either way.
    func handshake() throws -> Bool {
        ERR_clear_error()
        let status = SSL_do_handshake(ssl)
        if status == 1 { return true }
        if SSL_get_error(ssl, status) == SSL_ERROR_WANT_READ { return false }
        throw failure()
    }

    func feed(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes { BIO_write(input, $0.baseAddress, Int32($0.count)) }
            precondition(count > 0)
            offset += Int(count)
        }
    }

    /// What is to be sent.
    func produced() -> [UInt8] {
        let count = BIO_ctrl_pending(output)
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = Int(max(0, BIO_read(output, buffer.baseAddress, Int32(count))))
        }
    }

    func encrypt(_ bytes: [UInt8]) throws -> [UInt8] {
        if bytes.isEmpty { return [] }
        var count = 0
        ERR_clear_error()
        guard SSL_write_ex(ssl, bytes, bytes.count, &count) == 1, count == bytes.count else { throw failure() }
        return produced()
    }

    func decrypt() throws -> WirePiece {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var count = 0
        ERR_clear_error()
        let status = SSL_read_ex(ssl, &chunk, chunk.count, &count)
        if status == 1 { return .bytes(Array(chunk[..<count])) }
        switch SSL_get_error(ssl, status) {
        case SSL_ERROR_WANT_READ: return .needsMore
        case SSL_ERROR_ZERO_RETURN: return .end
        default: throw failure()
        }
    }

    func closeNotify() -> [UInt8] {
        SSL_shutdown(ssl)
        return produced()
    }

    /// One KeyUpdate that asks for one in return (RFC 8446 §4.6.3), to be sent.
    func keyUpdate() -> [UInt8] {
        guard SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1, SSL_do_handshake(ssl) == 1 else { return [] }
        return produced()
    }

    private func failure() -> TLSClientError {
        guard let text = ERR_reason_error_string(ERR_peek_error()) else { return .failed("no reason") }
        return .failed(String(cString: text))
    }
}

extension WireClient {
    var tls: TLSClient? {
        get { cipher as? TLSClient }
        set { cipher = newValue }
    }

    /// A connection with its handshake done.
    convenience init(_ port: UInt16, tls wish: TLSWish, receiveBufferBytes: Int32? = nil) throws {
        try self.init(port, receiveBufferBytes: receiveBufferBytes)
        try startTLS(wish)
    }

    func startTLS(_ wish: TLSWish) throws {
        let client = try TLSClient(wish)
        while true {
            let done: Bool
            do {
                done = try client.handshake()
            } catch {
                // The alert that says why.
                try? sendRaw(client.produced())
                throw error
            }
            try sendRaw(client.produced())
            if done { break }
            guard let bytes = try receiveRaw() else { throw TLSClientError.cutOff }
            client.feed(bytes)
        }
        tls = client
    }
}
