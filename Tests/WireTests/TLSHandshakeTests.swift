import COpenSSL
import HTTP
import HTTPServer
import Reactor
import Support
import Telemetry
import Testing

@Suite struct TLSHandshakeTests {
    @Test(arguments: [(TLS1_2_VERSION, "TLSv1.2"), (TLS1_3_VERSION, "TLSv1.3")])
    func `both versions serve requests, one after the other`(version: Int32, name: String) async throws {
        let secure = Locked(false)
        try await withTLSServer(respond: { request in
            secure.set(request.isSecure)
            return await echo(request)
        }) { port in
            let client = try WireClient(port, tls: TLSWish(versions: version...version))
            #expect(client.tls?.version == name)
            #expect(try client.get("/one").text == "/one ")
            #expect(try client.get("/two").text == "/two ")
            #expect(secure.get())
        }
    }

    @Test func `who answers for the server is told whether a refused request came over TLS`() async throws {
        func refuse(_ configuration: inout ServerConfiguration) {
            configuration.problem = { Response(status: $0.status, body: .bytes(Array("\($1)".utf8))) }
        }
        let rubbish = "GET / HTTP/1.1\r\nHost\r\n\r\n"
        try await withTLSServer(configure: refuse, respond: echo) { port in
            let client = try WireClient(port, tls: TLSWish())
            try client.send(rubbish)
            #expect(try client.readResponse().text == "true")
        }
        try await withServer(configure: refuse, respond: echo) { port in
            let client = try WireClient(port)
            try client.send(rubbish)
            #expect(try client.readResponse().text == "false")
        }
    }

    @Test func `what is older than TLS 1.2 is refused by alert`() async throws {
        try await withTLSServer { port in
            for version in [TLS1_VERSION, TLS1_1_VERSION] {
                #expect(throws: TLSClientError.failed("tlsv1 alert protocol version")) {
                    _ = try WireClient(port, tls: TLSWish(versions: version...version))
                }
            }
        }
    }

    @Test func `TLS 1.2 can be switched off`() async throws {
        let fixtures = TLSFixtures()
        var configuration = TLSConfiguration([try fixtures.identity(["a.test"])])
        configuration.lowestVersion = .tls13
        let context = try TLSContext(configuration)
        try await withTLSServer(context) { port in
            #expect(throws: TLSClientError.failed("tlsv1 alert protocol version")) {
                _ = try WireClient(port, tls: TLSWish(versions: TLS1_2_VERSION...TLS1_2_VERSION))
            }
            let client = try WireClient(port, tls: TLSWish())
            #expect(try client.get("/").status == 200)
        }
    }

    @Test(arguments: ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"])
    func `a cipher without forward secrecy or authenticated encryption is refused`(cipher: String) async throws {
        try await withTLSServer { port in
            _ = #expect(throws: TLSClientError.failed("sslv3 alert handshake failure")) {
                _ = try WireClient(
                    port, tls: TLSWish(versions: TLS1_2_VERSION...TLS1_2_VERSION, ciphers: cipher))
            }
        }
    }

    @Test func `HTTP 1.1 is chosen among the protocols that a client offers`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish(protocols: ["h2", "http/1.1", "http/1.0"]))
            #expect(client.tls?.chosenProtocol == "http/1.1")
            #expect(try client.get("/").status == 200)
            #expect(try WireClient(port, tls: TLSWish()).tls?.chosenProtocol == "")
        }
    }

    @Test func `a client that speaks no HTTP 1.1 is told so by alert`() async throws {
        let metrics = Metrics()
        try await withTLSServer(metrics: metrics) { port in
            for protocols in [["h2"], ["http/1.0"], ["http/1.1x", "xhttp/1.1"]] {
                #expect(throws: TLSClientError.failed("tlsv1 alert no application protocol")) {
                    _ = try WireClient(port, tls: TLSWish(protocols: protocols))
                }
            }
        }
        let failed = metrics.counter(
            "cadenza_tls_handshakes_total", help: "TLS handshakes that ended.", labels: ["result": "failed"])
        #expect(failed.value == 3)
    }

    @Test(arguments: [
        ("a.test", "a.test"), ("b.test", "b.test"), ("x.b.test", "*.b.test"), ("y.x.b.test", "a.test"),
        ("exact.b.test", "exact.b.test"), ("unknown.test", "a.test"), ("A.TEST", "a.test"), ("B.tesT", "b.test"),
    ])
    func `the server name chooses the certificate`(name: String, expected: String) async throws {
        let fixtures = TLSFixtures()
        let identities = [["a.test"], ["*.b.test"], ["b.test", "c.test"], ["exact.b.test"]]
        let context = try TLSContext(TLSConfiguration(identities.map { try fixtures.identity($0) }))
        try await withTLSServer(context) { port in
            let client = try WireClient(port, tls: TLSWish(serverName: name))
            #expect(client.tls?.serverIdentity == expected)
            #expect(try client.get("/").status == 200)
        }
    }

    @Test func `a client that names no server gets the first certificate`() async throws {
        let fixtures = TLSFixtures()
        let context = try TLSContext(
            TLSConfiguration([fixtures.identity(["first.test"], key: "rsa:2048"), fixtures.identity(["second.test"])]))
        try await withTLSServer(context) { port in
            #expect(try WireClient(port, tls: TLSWish()).tls?.serverIdentity == "first.test")
            let second = try WireClient(port, tls: TLSWish(serverName: "second.test"))
            #expect(second.tls?.serverIdentity == "second.test")
        }
    }

    @Test(arguments: [(TLS1_2_VERSION, true), (TLS1_2_VERSION, false), (TLS1_3_VERSION, true)])
    func `a session is resumed, by ticket or by id`(version: Int32, ticket: Bool) async throws {
        let metrics = Metrics()
        try await withTLSServer(metrics: metrics) { port in
            var wish = TLSWish(versions: version...version, takesTickets: ticket)
            let first = try WireClient(port, tls: wish)
            #expect(try first.get("/").status == 200)
            #expect(first.tls?.isResumed == false)
            wish.session = try #require(first.tls?.session)
            let second = try WireClient(port, tls: wish)
            #expect(second.tls?.isResumed == true)
            #expect(try second.get("/again").text == "/again ")
        }
        let resumed = metrics.counter(
            "cadenza_tls_handshakes_total", help: "TLS handshakes that ended.", labels: ["result": "resumed"])
        #expect(resumed.value == 1)
    }

    @Test func `a client may not start the handshake again`() async throws {
        try await withTLSServer { port in
            let client = try WireClient(port, tls: TLSWish(versions: TLS1_2_VERSION...TLS1_2_VERSION))
            #expect(try client.get("/").status == 200)
            let tls = try #require(client.tls)
            #expect(SSL_renegotiate(tls.ssl) == 1)
            _ = try? tls.handshake()
            try client.sendRaw(tls.produced())
            #expect(throws: TLSClientError.failed("no renegotiation")) { try client.readToEnd() }
        }
    }
}
