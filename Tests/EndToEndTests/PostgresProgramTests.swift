import Glibc
import Support
import Testing

@Suite(.serialized) struct PostgresProgramTests {
    private let directory = TemporaryDirectory()

    private func environment(_ url: String) -> [String: String] {
        [
            "DATA_DIR": directory.path("data"), "PORT": "0", "CADENZA_HTTP_LOOPS": "1", "CADENZA_DATABASE_URL": url,
            "CADENZA_WORKERS_SLOTS": "0",
        ]
    }

    private func credits(_ port: UInt16, _ key: String) throws -> String {
        try Link(port).exchange("GET /api/credits HTTP/1.1\r\nAuthorization: Bearer \(key)\r\n")
    }

    @Test func `a server on Postgres makes its schema, survives lost connections, and keeps its books`() async throws {
        try await PostgresServer.withDatabase(isMigrated: false) { name in
            let environment = environment(try PostgresServer.url(database: name))
            let server = try Program(["serve", "--demo"], environment: environment)
            let url = try server.value(after: "URL: ")
            let key = try server.value(after: "API key: ")
            let port = try #require(UInt16(url.split(separator: ":").last ?? ""))
            for _ in 0..<3 {
                #expect(try credits(port, key).contains("\"credits\":3"))
                try await PostgresServer.run([
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'"
                ])
            }
            #expect(try credits(port, key).contains("\"credits\":3"))
            server.signal(SIGTERM)
            #expect(server.finish().status == 0)

            let books = try Program(["ledger", "verify"], environment: environment).finish()
            #expect(books.status == 0, "\(books.output)")
            let steps = try Program(["migrate"], environment: environment).finish()
            #expect(steps.status == 0 && !steps.output.contains("missing"), "\(steps.output)")
        }
    }

    @Test func `a database that cannot be reached, or whose URL is broken, is told without the password`() throws {
        let socket = "host=\(directory.path)"
        for (url, status) in [
            ("postgres://me:sEcret@/name?\(socket)", 69), ("postgres://me:sEcret%zz@/name?\(socket)", 78),
            ("mysql://me:sEcret@/name", 78),
        ] {
            let (output, code) = try Program(["serve"], environment: environment(url)).finish()
            #expect(code == status, "\(output)")
            #expect(output.contains("database") && !output.contains("sEcret"))
        }
    }
}
