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

    @Test func `who watches a job at one server sees what happens to it at another, long before the heartbeat`()
        async throws
    {
        try await PostgresServer.withDatabase(isMigrated: false) { name in
            let url = try PostgresServer.url(database: name)
            var environment = environment(url)
            environment["CADENZA_HTTP_EVENT_HEARTBEAT_SECONDS"] = "3600"
            environment["CADENZA_DATABASE_LISTEN_URL"] = url
            let servers = try [["serve", "--demo"], ["serve"]].map { try Program($0, environment: environment) }
            let ports = try servers.map { server in
                let url = try server.value(after: "URL: ")
                return try #require(UInt16(url.split(separator: ":").last ?? ""))
            }
            let key = try servers[0].value(after: "API key: ")
            let job = "job_" + String(repeating: "0", count: 31) + "1"
            try await PostgresServer.run(Self.waitingJob(job), database: name)

            let watcher = try Link(ports[1])
            let authority = "Authorization: Bearer \(key)\r\n"
            try watcher.send("GET /api/v1/jobs/\(job)/events HTTP/1.1\r\n\(authority)")
            try watcher.read(until: "text/event-stream")
            let canceled = try Link(ports[0]).exchange("DELETE /api/v1/jobs/\(job) HTTP/1.1\r\n\(authority)")
            #expect(canceled.hasPrefix("HTTP/1.1 200"), "\(canceled)")
            #expect(try watcher.read(until: "event: end") == "event: end")
            for server in servers {
                server.signal(SIGTERM)
                #expect(server.finish().status == 0)
            }
        }
    }

    /// A job of the one account there is, as its submission would have left it.
    private static func waitingJob(_ job: String) -> [String] {
        [
            """
            BEGIN; SELECT ledger_hold(id, 1, '\(job)', 1) FROM credit_users;
            INSERT INTO jobs (id, account_id, service, model, options, state, price, hold_id, fingerprint, input_name,
                input_blob, input_bytes, input_sha256, input_crc32, duration_seconds, sample_rate, channel_count,
                container, codec, created_at)
            SELECT '\(job)', account_id, 'separation', 'm', '{}', 'queued', 1, id, 'f', 'n',
                'blob_' || substr('\(job)', 5), 1, 'x', 0, 1.0, 44100, 2, 'wav', 'pcm', 1
            FROM credit_holds;
            INSERT INTO queue_tasks (id, kind, fairness_key, priority, payload, state, run_at, created_at)
            SELECT id, 'job', account_id, 0, '1.0', 'queued', 1, 1 FROM jobs; COMMIT
            """
        ]
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
