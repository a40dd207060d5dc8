import Glibc
import Support
import Testing

/// The built server with certificates, asked by curl: a client that knows nothing of ours.
@Suite(.serialized) struct TLSProgramTests {
    private let directory = TemporaryDirectory()

    /// Writes a certificate that signed itself for 127.0.0.1, and its key, to the places that the server reads.
    private func certify(_ name: String) throws {
        let made = try Program(
            [
                "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj",
                "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout",
                directory.path("\(name).key"), "-out", directory.path("\(name).pem"),
            ], environment: [:], command: "openssl"
        ).finish()
        try #require(made.status == 0, "\(made.output)")
    }

    /// The status that curl gets, having verified the server by the certificate of that name; or curl's own failure.
    private func ask(_ url: String, trusting name: String) throws -> String {
        let (output, status) = try Program(
            [
                "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--cacert",
                directory.path("\(name).pem"), url + "/healthz",
            ], environment: [:], command: "curl"
        ).finish()
        return status == 0 ? output : "curl \(status)"
    }

    private func install(_ name: String) throws {
        for kind in ["pem", "key"] {
            directory.copy("\(name).\(kind)", to: "server.\(kind)")
        }
    }

    private func start() throws -> (server: Program, url: String) {
        let server = try Program(
            ["serve"],
            environment: [
                "DATA_DIR": directory.path("data"), "PORT": "0", "CADENZA_HTTP_LOOPS": "1",
                "CADENZA_TLS_CERTIFICATE": directory.path("server.pem"),
                "CADENZA_TLS_KEY": directory.path("server.key"), "CADENZA_LOGGING_FORMAT": "text",
            ])
        return (server, try server.value(after: "URL: "))
    }

    @Test func `SIGHUP replaces the certificate without a restart, and a broken one replaces nothing`() throws {
        for name in ["first", "second"] { try certify(name) }
        try install("first")
        let (server, url) = try start()
        #expect(url.hasPrefix("https://127.0.0.1:"))
        #expect(try ask(url, trusting: "first") == "200")
        #expect(try ask(url, trusting: "second") == "curl 60")

        try install("second")
        server.signal(SIGHUP)
        while try !#require(server.line()).contains("certificates read anew") {}
        #expect(try ask(url, trusting: "second") == "200")
        #expect(try ask(url, trusting: "first") == "curl 60")

        directory.copy("first.key", to: "server.key")
        server.signal(SIGHUP)
        while true {
            let line = try #require(server.line())
            guard line.contains("the old certificates stay") else { continue }
            #expect(line.contains("the key does not belong to"))
            break
        }
        #expect(try ask(url, trusting: "second") == "200")
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)
    }

    @Test func `a server without its certificate does not start, and says which file`() throws {
        let server = try Program(
            ["serve"],
            environment: [
                "DATA_DIR": directory.path("data"), "PORT": "0",
                "CADENZA_TLS_CERTIFICATE": directory.path("none.pem"), "CADENZA_TLS_KEY": directory.path("none.key"),
            ])
        let (output, status) = server.finish()
        #expect(output.contains("\(directory.path("none.pem")): No such file or directory"))
        #expect(status == 78)
    }
}
