internal import COpenSSL
internal import Glibc

/// Certificates, keys and session keys, loaded once. A session holds its context: one that has been replaced lives on
/// until its last connection ends.
public final class TLSContext: @unchecked Sendable {
    // SAFETY: nothing changes after init; OpenSSL counts references to an SSL_CTX and locks its session cache itself.

    /// One for each identity; a new session starts with the first.
    private let contexts: [OpaquePointer]
    /// What the operator should know although it is no fault: an expired certificate, a key that anyone may read.
    public let warnings: [String]

    /// Reads the files: not to be called on an event loop.
    /// - Throws: `TLSError` for the first file that cannot be used; there must be one identity at least.
    public init(_ configuration: TLSConfiguration) throws(TLSError) {
        precondition(!configuration.identities.isEmpty, "TLS without a certificate")
        var contexts: [OpaquePointer] = []
        var warnings: [String] = []
        do throws(TLSError) {
            for identity in configuration.identities {
                let loader = TLSIdentityLoader(identity)
                contexts.append(try loader.makeContext(configuration))
                warnings += loader.warnings(contexts[contexts.count - 1])
            }
        } catch {
            for context in contexts { SSL_CTX_free(context) }
            throw error
        }
        self.contexts = contexts
        self.warnings = warnings
        if contexts.count > 1 {
            // SAFETY: every session retains this object, and only sessions run the callback.
            let argument = Unmanaged.passUnretained(self).toOpaque()
            cadenza_tls_on_server_name(contexts[0], { TLSContext.chooseIdentity($0, argument: $2) }, argument)
        }
    }

    deinit { for context in contexts { SSL_CTX_free(context) } }

    /// `nil` only when memory has run out.
    func makeSession() -> OpaquePointer? { SSL_new(contexts[0]) }

    // MARK: Server names

    private static func chooseIdentity(_ ssl: OpaquePointer?, argument: UnsafeMutableRawPointer?) -> Int32 {
        guard let ssl, let argument, let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
            return SSL_TLSEXT_ERR_NOACK
        }
        // SAFETY: as where the argument was set.
        let choice = Unmanaged<TLSContext>.fromOpaque(argument)._withUnsafeGuaranteedRef { $0.context(for: name) }
        guard let choice, SSL_set_SSL_CTX(ssl, choice) != nil else { return SSL_TLSEXT_ERR_NOACK }
        return SSL_TLSEXT_ERR_OK
    }

    /// A certificate that bears the very name goes before one with a wildcard (RFC 6125 §6.4).
    private func context(for name: UnsafePointer<CChar>) -> OpaquePointer? {
        for wildcards in [UInt32(X509_CHECK_FLAG_NO_WILDCARDS), UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)] {
            let flags = wildcards | UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
            let found = contexts.first {
                X509_check_host(SSL_CTX_get0_certificate($0), name, strlen(name), flags, nil) == 1
            }
            if let found { return found }
        }
        return nil
    }
}

/// Makes the SSL_CTX of one identity.
struct TLSIdentityLoader {
    private let identity: TLSConfiguration.Identity

    init(_ identity: TLSConfiguration.Identity) { self.identity = identity }

    /// Of TLS 1.2 what RFC 9325 §4.2 recommends; TLS 1.3 has no other kind.
    private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"
    /// A session is resumed only by a server that stands for the same service.
    private static let sessionContext = Array("cadenza".utf8)

    /// The caller owns the result.
    func makeContext(_ configuration: TLSConfiguration) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw TLSError(file: identity.certificate, message: "OpenSSL gives no context: \(Self.reason())")
        }
        let lowest = configuration.lowestVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
        guard cadenza_tls_set_versions(context, lowest, TLS1_3_VERSION) == 1,
            SSL_CTX_set_cipher_list(context, Self.ciphers) == 1,
            SSL_CTX_set_session_id_context(context, Self.sessionContext, UInt32(Self.sessionContext.count)) == 1
        else { preconditionFailure("a libssl without TLS 1.3 and AEAD ciphers: \(Self.reason())") }
        SSL_CTX_set_security_level(context, 2)
        cadenza_tls_set_conduct(context)
        cadenza_tls_keep_sessions(context, configuration.sessionsMax)
        SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, chosenCount, offered, count, _ in
                TLSIdentityLoader.chooseProtocol(chosen, chosenCount, offered, count)
            }, nil)
        // Without a callback OpenSSL would ask for the password on the terminal.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
        do throws(TLSError) {
            try load(into: context)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return context
    }

    private func load(into context: OpaquePointer) throws(TLSError) {
        try Self.checkReadable(identity.certificate)
        try Self.checkReadable(identity.key)
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(context, identity.certificate) == 1 else {
            throw TLSError(file: identity.certificate, message: "no usable certificate chain in PEM: \(Self.reason())")
        }
        guard SSL_CTX_use_PrivateKey_file(context, identity.key, SSL_FILETYPE_PEM) == 1 else {
            let code = ERR_peek_last_error()
            // Reason codes are counted for each of the library's parts.
            if cadenza_tls_is_mismatch(code) != 0 { throw mismatch }
            throw TLSError(
                file: identity.key, message: "no usable key in PEM, which must not be encrypted: \(Self.reason())")
        }
        guard SSL_CTX_check_private_key(context) == 1 else { throw mismatch }
    }

    private var mismatch: TLSError {
        TLSError(file: identity.key, message: "the key does not belong to \(identity.certificate)")
    }

    private static func checkReadable(_ path: String) throws(TLSError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TLSError(file: path, message: String(cString: strerror(errno))) }
        close(descriptor)
    }

    func warnings(_ context: OpaquePointer) -> [String] {
        var warnings: [String] = []
        if let certificate = SSL_CTX_get0_certificate(context) {
            if X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 {
                warnings.append("\(identity.certificate): the certificate has expired")
            } else if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 {
                warnings.append("\(identity.certificate): the certificate is not valid yet")
            }
        }
        var status = stat()
        if stat(identity.key, &status) == 0, status.st_mode & S_IROTH != 0 {
            warnings.append("\(identity.key): anyone on this machine may read the key")
        }
        return warnings
    }

    /// RFC 7301 §3.2: a client that offers protocols, and HTTP/1.1 not among them, gets no_application_protocol.
    private static func chooseProtocol(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ chosenCount: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafePointer<UInt8>?, _ count: UInt32
    ) -> Int32 {
        // SAFETY: OpenSSL hands over `count` bytes, and the answer may point into them.
        let list = UnsafeBufferPointer(start: offered, count: Int(count))
        var index = 0
        while index < list.count {
            let name = list[(index + 1)...].prefix(Int(list[index]))
            if name.elementsEqual("http/1.1".utf8) {
                chosen?.pointee = offered?.advanced(by: index + 1)
                chosenCount?.pointee = UInt8(name.count)
                return SSL_TLSEXT_ERR_OK
            }
            index += 1 + Int(list[index])
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    /// What OpenSSL's innermost complaint is, in its words.
    static func reason() -> String {
        let code = ERR_peek_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "no reason given" }
        return String(cString: text)
    }
}
