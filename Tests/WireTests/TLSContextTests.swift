import Glibc
import HTTP
import HTTPServer
import Reactor
import Support
import Telemetry
import Testing

@Suite struct TLSContextTests {
    private func fault(_ identity: TLSConfiguration.Identity) -> TLSError? {
        do {
            _ = try TLSContext(TLSConfiguration([identity]))
            return nil
        } catch { return error }
    }

    @Test func `a missing file is named`() throws {
        let fixtures = TLSFixtures()
        var identity = try fixtures.identity(["a.test"])
        identity.key = fixtures.folder.path("none.key")
        #expect(fault(identity)?.description == "\(identity.key): No such file or directory")
        identity.certificate = fixtures.folder.path("none.pem")
        #expect(fault(identity)?.description == "\(identity.certificate): No such file or directory")
    }

    @Test func `a key of another certificate is refused, whatever its kind`() throws {
        let fixtures = TLSFixtures()
        let own = try fixtures.identity(["a.test"])
        for other in [try fixtures.identity(["b.test"]), try fixtures.identity(["c.test"], key: "rsa:2048")] {
            let mixed = TLSConfiguration.Identity(certificate: own.certificate, key: other.key)
            #expect(fault(mixed)?.message == "the key does not belong to \(own.certificate)")
        }
    }

    @Test func `a file without PEM, and a folder, are refused by name`() throws {
        let fixtures = TLSFixtures()
        var identity = try fixtures.identity(["a.test"])
        let text = fixtures.folder.write(Array("no certificate".utf8), "text.pem")
        let reason = fault(.init(certificate: text, key: identity.key))?.message
        #expect(reason == "no usable certificate chain in PEM: no start line")
        identity.key = text
        #expect(fault(identity)?.file == text)
        #expect(fault(identity)?.message.hasPrefix("no usable key in PEM") == true)
        identity.certificate = fixtures.folder.path
        #expect(fault(identity)?.file == fixtures.folder.path)
    }

    @Test func `an encrypted key is refused without a question on the terminal`() throws {
        let fixtures = TLSFixtures()
        var identity = try fixtures.identity(["a.test"])
        let locked = fixtures.folder.path("locked.key")
        try TLSFixtures.run(
            ["openssl", "ec", "-in", identity.key, "-aes128", "-passout", "pass:word", "-out", locked])
        identity.key = locked
        #expect(fault(identity)?.message.contains("must not be encrypted") == true)
    }

    @Test func `a key that is too weak is refused`() throws {
        let fixtures = TLSFixtures()
        let identity = try fixtures.identity(["a.test"], key: "rsa:1024")
        #expect(fault(identity)?.message == "no usable certificate chain in PEM: ee key too small")
    }

    @Test func `an expired certificate and an open key are worth a warning`() async throws {
        let fixtures = TLSFixtures()
        let identity = try fixtures.identity(["a.test"], isExpired: true)
        #expect(chmod(identity.key, 0o644) == 0)
        let context = try TLSContext(TLSConfiguration([identity]))
        #expect(
            context.warnings == [
                "\(identity.certificate): the certificate has expired",
                "\(identity.key): anyone on this machine may read the key",
            ])
        try await withTLSServer(context) { port in
            let client = try WireClient(port, tls: TLSWish())
            #expect(try client.get("/").status == 200)
        }
        let good = try TLSContext(TLSConfiguration([fixtures.identity(["b.test"])]))
        #expect(good.warnings == [])
    }

    @Test func `new connections get the new certificate, open ones keep theirs`() async throws {
        let fixtures = TLSFixtures()
        let old = try TLSContext(TLSConfiguration([fixtures.identity(["old.test"])]))
        let new = try TLSContext(TLSConfiguration([fixtures.identity(["new.test"])]))
        let silence = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(silence) }
        var configuration = ServerConfiguration { refusal, _ in Response(status: refusal.status) }
        configuration.tls = old
        configuration.loops = 2
        let server = Server(
            configuration: configuration, log: Logger(level: .error, descriptor: silence), metrics: Metrics(),
            respond: echo)
        let port = try server.start()
        try await withThreads {
            let before = try WireClient(port, tls: TLSWish())
            #expect(before.tls?.serverIdentity == "old.test")
            #expect(try before.get("/").status == 200)
            server.replace(tls: new)
            let after = try WireClient(port, tls: TLSWish())
            #expect(after.tls?.serverIdentity == "new.test")
            #expect(try before.get("/kept").text == "/kept ")
            #expect(try after.get("/new").text == "/new ")
            // A ticket of before is no ticket now, and no fault either.
            var wish = TLSWish()
            wish.session = before.tls?.session
            let again = try WireClient(port, tls: wish)
            #expect(again.tls?.isResumed == false)
            #expect(try again.get("/").status == 200)
        }
        await server.drain()
    }
}
