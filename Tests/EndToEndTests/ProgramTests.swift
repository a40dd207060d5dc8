import Glibc
import Support
import Testing

@Suite(.serialized) struct ProgramTests {
    private let directory = TemporaryDirectory()

    private var environment: [String: String] {
        ["DATA_DIR": directory.path("data"), "PORT": "0", "CADENZA_HTTP_LOOPS": "1"]
    }

    private func run(_ arguments: String..., with extra: [String: String] = [:]) throws -> (String, Int32) {
        try Program(arguments, environment: environment.merging(extra) { _, new in new }).finish()
    }

    private func answer(_ port: UInt16, _ path: String, key: String) throws -> String {
        try Link(port).exchange("GET \(path) HTTP/1.1\r\nAuthorization: Bearer \(key)\r\n")
    }

    private func start() throws -> (server: Program, port: UInt16, key: String) {
        let server = try Program(["serve", "--demo"], environment: environment)
        let url = try server.value(after: "URL: ")
        let key = try server.value(after: "API key: ")
        return (server, try #require(UInt16(url.split(separator: ":").last ?? "")), key)
    }

    @Test func `the program says its version`() throws {
        let (output, status) = try run("--version")
        #expect(output.split(separator: ".").count == 3)
        #expect(status == 0)
    }

    @Test func `every fault of the configuration is said at once and the start refused`() throws {
        let (output, status) = try run("serve", with: ["CADENZA_HTTP_LOPS": "1", "CADENZA_HTTP_PORT": "many"])
        #expect(output.contains("CADENZA_HTTP_LOPS") && output.contains("CADENZA_HTTP_PORT"))
        #expect(status == 78)
    }

    @Test func `the settings in force are printed`() throws {
        let (output, status) = try run("config")
        #expect(output.contains("directory = \"\(directory.path("data"))\"") && output.contains("loops = 1"))
        #expect(status == 0)
    }

    @Test func `a server opens a demo account with the trial, answers, and ends on SIGTERM`() throws {
        let (server, port, key) = try start()
        #expect(try answer(port, "/healthz", key: key).hasPrefix("HTTP/1.1 200"))
        #expect(try answer(port, "/api/credits", key: key).contains("\"credits\":3"))
        #expect(try answer(port, "/api/credits", key: "ck_wrong").hasPrefix("HTTP/1.1 401"))
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)

        let (books, status) = try run("ledger", "verify")
        #expect(status == 0, "\(books)")
    }

    @Test func `after kill -9 the same key still works and the trial is not given again`() throws {
        let (first, _, key) = try start()
        first.signal(SIGKILL)
        #expect(first.finish().status == -1)
        let (second, port, again) = try start()
        #expect(again == key)
        #expect(try answer(port, "/api/credits", key: key).contains("\"credits\":3"))
        second.signal(SIGTERM)
        #expect(second.finish().status == 0)
    }

    @Test func `without worker slots a server takes jobs in and runs none`() throws {
        let server = try Program(
            ["serve", "--demo"], environment: environment.merging(["CADENZA_WORKERS_SLOTS": "0"]) { _, new in new })
        let url = try server.value(after: "URL: ")
        let key = try server.value(after: "API key: ")
        let port = try #require(UInt16(url.split(separator: ":").last ?? ""))
        #expect(try submit(Song.wav(seconds: 1), port, key).contains("\"state\":\"queued\""))
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)
    }

    @Test func `a song goes in, its stems come out, one credit is spent`() throws {
        let (server, port, key) = try start()
        let id = try identifier(in: try submit(Song.wav(seconds: 3), port, key))
        let events = try answer(port, "/api/v1/jobs/\(id)/events", key: key)
        for kind in ["queued", "claimed", "loaded", "decoded", "separated", "encoded", "stored", "settled"] {
            #expect(events.contains("\"kind\":\"\(kind)\""), "\(kind) is missing")
        }
        for stem in ["vocals", "accompaniment"] {
            let answer = try answer(port, "/api/v1/jobs/\(id)/artifacts/\(stem).wav", key: key)
            #expect(answer.hasPrefix("HTTP/1.1 200"))
            // A header of 80 bytes, with room for RF64 in it, then 3 s of 22.05 kHz 16-bit stereo.
            #expect(answer.contains("Content-Length: \(80 + 3 * 22_050 * 4)\r\n"))
        }
        #expect(try answer(port, "/api/credits", key: key).contains("\"credits\":2,\"held\":0"))
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)
        #expect(try run("ledger", "verify").1 == 0)
    }

    @Test func `a job that kill -9 cut short is taken up again and charged once`() throws {
        let (first, port, key) = try start()
        let id = try identifier(in: try submit(Song.wav(seconds: 60), port, key))
        let link = try Link(port)
        try link.send("GET /api/v1/jobs/\(id)/events HTTP/1.1\r\nAuthorization: Bearer \(key)\r\n")
        try link.read(until: "\"kind\":\"claimed\"")
        first.signal(SIGKILL)
        #expect(first.finish().status == -1)

        let (second, again, _) = try start()
        let events = try answer(again, "/api/v1/jobs/\(id)/events", key: key)
        #expect(events.contains("\"kind\":\"rescued\"") && events.contains("\"state\":\"completed\""))
        #expect(try answer(again, "/api/credits", key: key).contains("\"credits\":2,\"held\":0"))
        second.signal(SIGTERM)
        #expect(second.finish().status == 0)
        #expect(try run("ledger", "verify").1 == 0)
    }

    @Test func `an operator sees, pauses, resumes and cancels jobs beside the server`() throws {
        let server = try Program(
            ["serve", "--demo"], environment: environment.merging(["CADENZA_WORKERS_SLOTS": "0"]) { _, new in new })
        let port = try #require(UInt16(try server.value(after: "URL: ").split(separator: ":").last ?? ""))
        let key = try server.value(after: "API key: ")
        let id = try identifier(in: try submit(Song.wav(seconds: 1), port, key))
        let (table, _) = try run("jobs", "list", "--state", "queued", "--account", "demo@localhost")
        #expect(table.hasPrefix("ID ") && table.contains(id) && table.contains("queued"), "\(table)")
        #expect(try !run("jobs", "list", "--state", "running").0.contains(id))
        #expect(try run("jobs", "pause").0 == "Paused.")
        let (json, _) = try run("jobs", "list", "--json")
        #expect(json.hasPrefix("{\"pausedSince\":\"2") && json.contains("\"id\":\"\(id)\""), "\(json)")
        #expect(try run("jobs", "resume").0 == "Resumed.")
        #expect(try run("jobs", "retry", id) == ("\(id) runs when it is its turn.", 0))
        #expect(try run("jobs", "cancel", id) == ("\(id) is canceled.", 0))
        #expect(try run("jobs", "cancel", id).1 == 0, "a repeat changes nothing")
        #expect(try run("jobs", "retry", id) == ("cadenza: the job has ended as canceled", 65))
        #expect(try run("jobs", "retry", "job_\(String(repeating: "0", count: 32))").1 == 66)
        #expect(try run("jobs", "cancel", "many").1 == 64)
        #expect(try run("jobs", "list", "--state", "sleeping").1 == 64)
        #expect(try answer(port, "/api/credits", key: key).contains("\"credits\":3,\"held\":0"))
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)
        #expect(try run("ledger", "verify").1 == 0)
    }

    @Test func `what one server takes in wakes the workers of another on the same Postgres`() async throws {
        try await PostgresServer.withDatabase(isMigrated: false) { name in
            // Polling alone would take an hour.
            let common = environment.merging([
                "CADENZA_DATABASE_URL": try PostgresServer.url(database: name), "CADENZA_WORKERS_POLL_SECONDS": "3600",
                "CADENZA_LIMITS_REQUESTS_PER_MINUTE": "100000",
            ]) { _, new in new }
            let worker = try Program(["serve"], environment: common)
            _ = try worker.value(after: "URL: ")
            let front = try Program(
                ["serve", "--demo"], environment: common.merging(["CADENZA_WORKERS_SLOTS": "0"]) { _, new in new })
            let port = try #require(UInt16(try front.value(after: "URL: ").split(separator: ":").last ?? ""))
            let key = try front.value(after: "API key: ")
            let id = try identifier(in: try submit(Song.wav(seconds: 2), port, key))
            var answer = ""
            repeat {
                answer = try self.answer(port, "/api/v1/jobs/\(id)", key: key)
            } while answer.contains("\"state\":\"queued\"") || answer.contains("\"state\":\"running\"")
            #expect(answer.contains("\"state\":\"completed\""), "\(answer)")
            for server in [front, worker] {
                server.signal(SIGTERM)
                #expect(server.finish().status == 0)
            }
        }
    }

    private func submit(_ song: [UInt8], _ port: UInt16, _ key: String) throws -> String {
        let head =
            "--b\r\nContent-Disposition: form-data; name=\"service\"\r\n\r\nseparation\r\n"
            + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"song.wav\"\r\n\r\n"
        let body = Array(head.utf8) + song + Array("\r\n--b--\r\n".utf8)
        return try Link(port).exchange(
            "POST /api/v1/jobs HTTP/1.1\r\nAuthorization: Bearer \(key)\r\n"
                + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: \(body.count)\r\n", body: body)
    }

    private func identifier(in answer: String) throws -> String {
        let word = try #require(answer.split(separator: "\"").first { $0.hasPrefix("job_") }, "\(answer)")
        return String(word)
    }
}
