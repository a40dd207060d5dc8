import Glibc
import Support
import Testing

@Suite(.serialized) struct ServedFilesTests {
    private let directory = TemporaryDirectory()

    private func start(_ extra: [String: String] = [:]) throws -> (server: Program, port: UInt16) {
        let environment = ["DATA_DIR": directory.path("data"), "PORT": "0", "CADENZA_HTTP_LOOPS": "1"]
        let server = try Program(["serve"], environment: environment.merging(extra) { _, new in new })
        let url = try server.value(after: "URL: ")
        return (server, try #require(UInt16(url.split(separator: ":").last ?? "")))
    }

    private func answer(_ port: UInt16, _ path: String, _ fields: String...) throws -> String {
        try Link(port).exchange("GET \(path) HTTP/1.1\r\n" + fields.map { $0 + "\r\n" }.joined())
    }

    @Test func `the page and the files that it names are served by the program itself`() throws {
        let (server, port) = try start()
        let page = try answer(port, "/")
        #expect(page.hasPrefix("HTTP/1.1 200"))
        #expect(page.contains("\r\nContent-Security-Policy: default-src 'none';"))
        let names = page.split(separator: "\"").filter { $0.hasPrefix("/assets/") }
        #expect(Set(names).count >= 3)
        for name in names {
            let file = try answer(port, String(name))
            #expect(file.hasPrefix("HTTP/1.1 200"), "\(name)")
            #expect(file.contains("\r\nCache-Control: public, max-age=31536000, immutable\r\n"), "\(name)")
        }
        #expect(try answer(port, "/docs").hasPrefix("HTTP/1.1 200"))
        #expect(try answer(port, "/somewhere", "Accept: text/html").contains("<title>Cadenza</title>"))
        #expect(try answer(port, "/api/somewhere", "Accept: text/html").hasPrefix("HTTP/1.1 404"))
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)
    }

    @Test func `an operator's folder lies over the page, and nothing leads out of it`() throws {
        _ = directory.write(Array("outside".utf8), "secret")
        try #require(mkdir(directory.path("www"), 0o755) == 0)
        _ = directory.write(Array("User-agent: *".utf8), "www/robots.txt")
        try #require(symlink("../secret", directory.path("www/link")) == 0)
        let (server, port) = try start(["CADENZA_HTTP_STATIC_DIRECTORY": directory.path("www")])
        #expect(try answer(port, "/robots.txt").hasSuffix("\r\n\r\nUser-agent: *"))
        #expect(try answer(port, "/robots.txt", "Range: bytes=0-3").hasSuffix("\r\n\r\nUser"))
        #expect(try answer(port, "/").contains("<title>Cadenza</title>"))
        for path in [
            "/link", "/../secret", "/%2e%2e/secret", "/..%2fsecret", "/www/../../secret", "//secret", "/.%2e/secret",
            "/robots.txt/../../secret", "/robots.txt%00", "/..%5csecret", "/%c0%ae%c0%ae/secret",
        ] {
            let answer = try answer(port, path)
            #expect(answer.hasPrefix("HTTP/1.1 40"), "\(path)")
            #expect(!answer.contains("outside"), "\(path)")
        }
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)
    }

    @Test func `pages of the list, proxies and compression are as the settings say`() throws {
        let app = "https://app.example.com"
        let (server, port) = try start([
            "CADENZA_HTTP_CORS_ORIGINS": app, "CADENZA_HTTP_TRUSTED_PROXIES": "127.0.0.0/8",
            "CADENZA_LIMITS_ANONYMOUS_REQUESTS_PER_MINUTE": "1",
        ])
        let preflight = try Link(port).exchange(
            "OPTIONS /api/v1/jobs HTTP/1.1\r\nOrigin: \(app)\r\nAccess-Control-Request-Method: POST\r\n")
        #expect(preflight.hasPrefix("HTTP/1.1 204"))
        #expect(preflight.contains("\r\nAccess-Control-Allow-Origin: \(app)\r\n"))
        #expect(try Link(port).exchange("OPTIONS * HTTP/1.1\r\n").hasPrefix("HTTP/1.1 204"))
        // Each client of the proxy has its own budget, and only the client.
        for (client, status) in [("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429)] {
            let answer = try answer(port, "/openapi.json", "X-Forwarded-For: \(client)", "Accept-Encoding: gzip")
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(client)")
            #expect(answer.contains("\r\nContent-Encoding: gzip\r\n") == (status == 200))
        }
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)
    }

    @Test func `a folder that is not there stops the start`() throws {
        let gone = directory.path("gone")
        let environment = ["DATA_DIR": directory.path("data"), "CADENZA_HTTP_STATIC_DIRECTORY": gone]
        let (output, status) = try Program(["serve"], environment: environment).finish()
        #expect(output.contains("http.static_directory: \(gone)"))
        #expect(status == 78)
    }
}
