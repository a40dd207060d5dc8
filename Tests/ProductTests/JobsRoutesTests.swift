import API
import Accounts
import Blobs
import Core
import Database
import HTTP
import JobQueue
import Ledger
import SQLite
import Studio
import Support
import Telemetry
import Testing
import Workers

struct JobsRoutesTests {
    @Test func `a submission is accepted with its place, its price and where to look`() async throws {
        let api = try await PipelineFixture()
        let answer = try await api.submit(options: "{\"residual\":true}")
        #expect(answer.status == 202)
        let id = try #require(answer.json["id"]?.string)
        #expect(answer.fields["Location"] == "/api/v1/jobs/\(id)")
        #expect(answer.json["state"] == "queued")
        #expect(answer.json["price"] == 1)
        #expect(answer.json["queuePosition"] == 1)
        #expect(answer.json["options"]?["residual"] == true)
        #expect(answer.json["input"]?["name"] == "song.wav")
        #expect(answer.json["input"]?["bytes"] == 5)
        #expect(try await api.studio.balance(api.account).held == 1)
    }

    @Test func `a repeat under an idempotency key answers with the first job`() async throws {
        let api = try await PipelineFixture()
        let first = try await api.submit(fields: [("Idempotency-Key", "k")])
        let second = try await api.submit(fields: [("Idempotency-Key", "k")])
        #expect(first.json["id"] == second.json["id"])
        #expect(second.status == 202)
        #expect(second.fields["Idempotency-Replayed"] == "true")
        let other = try await api.submit("other audio", fields: [("Idempotency-Key", "k")])
        #expect(other.status == 422)
        #expect(other.code == "idempotency_key_reused")
    }

    @Test(
        arguments: [
            ("juggling", nil, 404, "unknown_service"), ("separation", "{", 400, "invalid_option"),
            ("separation", "[]", 400, "invalid_option"), ("separation", "{\"x\":1}", 400, "unknown_field"),
            ("separation", "{\"overlap\":2}", 400, "invalid_option"),
            ("separation", "{\"model\":\"nobody\"}", 400, "unknown_model"),
            ("separation", "{\"model\":\"absent\"}", 503, "model_not_installed"),
        ] as [(String, String?, Int, String)])
    func `a submission that cannot be is refused with its own code and costs nothing`(
        service: String, options: String?, status: Int, code: String
    ) async throws {
        let api = try await PipelineFixture()
        let answer = try await api.submit(service: service, options: options)
        #expect(answer.status == status)
        #expect(answer.code == code)
        #expect(try await api.studio.balance(api.account).available == 3)
        #expect(try api.studio.blobs.list().isEmpty)
    }

    @Test(arguments: [
        ("name=\"service\"", "separation", "missing_field"),
        ("name=\"surprise\"", "x", "unknown_field"),
        ("name=\"file\"; filename=\"a.wav\"", "", "empty_file"),
        ("name=\"file\"; filename=\"a.wav\"", "audio", "missing_field"),
    ])
    func `a form that lacks a part or has a strange one is refused`(
        part: String, content: String, code: String
    ) async throws {
        let api = try await PipelineFixture()
        let form = "--b\r\nContent-Disposition: form-data; \(part)\r\n\r\n\(content)\r\n--b--\r\n"
        let answer = try await api.send(
            "POST", "/api/v1/jobs", bytes: Array(form.utf8), type: "multipart/form-data; boundary=b")
        #expect(answer.code == code)
        #expect(try api.studio.blobs.list().isEmpty)
    }

    @Test(arguments: [
        ("application/json", "{}", 415, "unsupported_media_type"),
        ("multipart/form-data", "x", 415, "unsupported_media_type"),
        ("multipart/form-data; boundary=b", "--b\r\nContent-Disp", 400, "invalid_multipart"),
    ])
    func `a body that is no form is refused`(
        type: String, content: String, status: Int, code: String
    ) async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send("POST", "/api/v1/jobs", bytes: Array(content.utf8), type: type)
        #expect(answer.status == status)
        #expect(answer.code == code)
    }

    @Test func `without credits a submission is refused before its body is read`() async throws {
        let api = try await PipelineFixture(credits: 0)
        let answer = try await api.send(
            "POST", "/api/v1/jobs", bytes: Array("not a form".utf8), type: "text/plain")
        #expect(answer.status == 402)
        #expect(answer.json["required"] == 1)
    }

    @Test func `a quote says the price and what is there to pay it`() async throws {
        let api = try await PipelineFixture(credits: 3)
        let answer = try await api.send(
            "POST", "/api/v1/quotes", body: ["service": "separation", "durationSeconds": 2401])
        #expect(answer.status == 200)
        #expect(answer.json["price"] == 5)
        #expect(answer.json["currentBalance"] == 3)
        #expect(answer.json["affordable"] == false)
        #expect(try await api.studio.balance(api.account).held == 0)
    }

    @Test(arguments: [JSON.integer(-1), "ten", .number(1e12), true])
    func `a quote for a length that cannot be is refused`(seconds: JSON) async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send(
            "POST", "/api/v1/quotes", body: ["service": "separation", "durationSeconds": seconds])
        #expect(answer.status == 400)
        #expect(answer.code == "invalid_field")
    }

    @Test func `jobs are listed newest first, page by page, each once`() async throws {
        let api = try await PipelineFixture(credits: 5)
        var made: [String] = []
        for number in 1...5 {
            made.insert(try await api.studio.submit(api.account, content: "song \(number)").id.text, at: 0)
        }
        var seen: [String] = []
        var cursor: String?
        repeat {
            let query = cursor.map { "&cursor=\($0)" } ?? ""
            let page = try await api.send("GET", "/api/v1/jobs?limit=2\(query)")
            seen += page.json["jobs"]?.array?.compactMap { $0["id"]?.string } ?? []
            cursor = page.json["nextCursor"]?.string
        } while cursor != nil
        #expect(seen == made)
    }

    @Test func `jobs are listed by state`() async throws {
        let api = try await PipelineFixture(credits: 2)
        let job = try await api.studio.submit(api.account)
        #expect(try await api.send("GET", "/api/v1/jobs?state=queued").json["jobs"]?.array?.count == 1)
        #expect(try await api.send("GET", "/api/v1/jobs?state=failed").json["jobs"]?.array?.count == 0)
        #expect(try await api.send("GET", "/api/v1/jobs?state=lost").code == "invalid_field")
        #expect(try await api.send("DELETE", "/api/v1/jobs/\(job.id)").json["state"] == "canceled")
        #expect(try await api.send("DELETE", "/api/v1/jobs/\(job.id)").status == 200)
    }

    @Test(arguments: ["job_0", "x", "job_0198f0f0f0f07000800000000000000f"])
    func `an id that names no job of the caller is not found`(id: String) async throws {
        let api = try await PipelineFixture()
        for (method, path) in [
            ("GET", ""), ("DELETE", ""), ("GET", "/events"), ("GET", "/download"), ("GET", "/artifacts/vocals.wav"),
        ] {
            let answer = try await api.send(method, "/api/v1/jobs/\(id)\(path)")
            #expect(answer.status == 404)
            #expect(answer.code == "job_not_found")
        }
    }

    @Test func `an artifact is served whole, in ranges and by its validator`() async throws {
        let api = try await PipelineFixture()
        let (job, artifact) = try await completedJob(api)
        let path = "/api/v1/jobs/\(job)/artifacts/vocals.wav"
        let whole = try await api.send("GET", path)
        #expect(whole.status == 200)
        #expect(whole.bytes == Array("0123456789".utf8))
        #expect(whole.fields["ETag"] == "\"\(artifact.blob.sha256)\"")
        #expect(whole.fields["Content-Disposition"] == "attachment; filename=\"vocals.wav\"")
        #expect(whole.fields["Accept-Ranges"] == "bytes")
        let part = try await api.send("GET", path, fields: [("Range", "bytes=2-4")])
        #expect(part.status == 206)
        #expect(part.bytes == Array("234".utf8))
        #expect(part.fields["Content-Range"] == "bytes 2-4/10")
        let tail = try await api.send("GET", path, fields: [("Range", "bytes=-3")])
        #expect(tail.bytes == Array("789".utf8))
        let beyond = try await api.send("GET", path, fields: [("Range", "bytes=10-")])
        #expect(beyond.status == 416)
        #expect(beyond.fields["Content-Range"] == "bytes */10")
        let same = try await api.send("GET", path, fields: [("If-None-Match", "\"\(artifact.blob.sha256)\"")])
        #expect(same.status == 304)
        #expect(same.bytes.isEmpty)
        let two = try await api.send("GET", path, fields: [("Range", "bytes=0-1,8-9")])
        #expect(two.status == 206)
        #expect(two.fields["Content-Type"]?.hasPrefix("multipart/byteranges; boundary=") == true)
        #expect(try await api.send("GET", "/api/v1/jobs/\(job)/artifacts/drums.wav").code == "artifact_not_found")
    }

    @Test func `the archive has the size that was announced and the artefacts' bytes`() async throws {
        let api = try await PipelineFixture()
        let (job, _) = try await completedJob(api)
        let answer = try await api.send("GET", "/api/v1/jobs/\(job)/download")
        #expect(answer.status == 200)
        #expect(answer.fields["Content-Type"] == "application/zip")
        #expect(answer.bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]))
        #expect(String(decoding: answer.bytes, as: UTF8.self).contains("0123456789"))
    }

    @Test func `the event stream of an ended job is its timeline, then its end`() async throws {
        let api = try await PipelineFixture()
        let (job, _) = try await completedJob(api)
        let all = String(decoding: try await api.send("GET", "/api/v1/jobs/\(job)/events").bytes, as: UTF8.self)
        #expect(all.contains("id: 1\nevent: timeline\n"))
        #expect(all.contains("id: 4\nevent: timeline\n"))
        #expect(all.contains("event: end\n"))
        let resumed = String(
            decoding: try await api.send(
                "GET", "/api/v1/jobs/\(job)/events", fields: [("Last-Event-ID", "3")]
            ).bytes, as: UTF8.self)
        #expect(!resumed.contains("id: 3\n"))
        #expect(resumed.contains("id: 4\n"))
    }

    private func completedJob(_ api: PipelineFixture) async throws -> (JobID, Artifact) {
        let job = try await api.studio.submit(api.account)
        let claim = try await api.studio.claim()
        let artifact = try api.studio.artifact("vocals.wav", content: "0123456789")
        _ = try await api.studio.jobs.finish(
            claim, job: try await api.studio.jobs.job(of: claim), artifacts: [artifact], notes: [],
            processingSeconds: 1)
        return (job.id, artifact)
    }
}
