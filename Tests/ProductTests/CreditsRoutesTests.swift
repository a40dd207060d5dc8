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

struct CreditsRoutesTests {
    @Test func `the balance comes with its histories under the first API's names`() async throws {
        let api = try await PipelineFixture(credits: 3)
        let answer = try await api.send("GET", "/api/credits?userId=\(api.account)")
        #expect(answer.status == 200)
        #expect(answer.json["userId"]?.string == api.account.text)
        #expect(answer.json["email"] == "someone@example.org")
        #expect(answer.json["credits"] == 3)
        #expect(answer.json["purchases"] == [])
        #expect(answer.json["usage"] == [])
    }

    @Test func `a userId that is not the caller's own is forbidden, whether it exists or not`() async throws {
        let api = try await PipelineFixture()
        let other = try await api.studio.account(credits: 1, email: "other@example.org")
        for user in [other.text, "nobody"] {
            let answer = try await api.send("GET", "/api/credits?userId=\(user)")
            #expect(answer.status == 403)
            #expect(answer.json["error"] == "Unauthorized")
            #expect(
                try await api.send("POST", "/api/paywall", body: ["userId": .string(user), "service": "separation"])
                    .status == 403)
        }
    }

    @Test func `what a job used stands in the usage once it is settled`() async throws {
        let api = try await PipelineFixture(credits: 3)
        let job = try await api.studio.submit(api.account)
        let claim = try await api.studio.claim()
        _ = try await api.studio.jobs.finish(
            claim, job: try await api.studio.jobs.job(of: claim), artifacts: [], notes: [], processingSeconds: 7)
        let answer = try await api.send("GET", "/api/credits")
        #expect(answer.json["credits"] == 2)
        let usage = try #require(answer.json["usage"]?.array?.first)
        #expect(usage["jobId"]?.string == job.id.text)
        #expect(usage["service"] == "separation")
        #expect(usage["credits"] == 1)
        #expect(usage["processingTime"] == 7)
        #expect(usage["fileSize"] == 5)
    }

    @Test(arguments: ["limit=0", "limit=51", "limit=x", "limit=+5", "cursor=x", "cursor=a.b.c"])
    func `a page that cannot be is refused`(query: String) async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send("GET", "/api/credits?\(query)")
        #expect(answer.status == 400)
        #expect(answer.code == "invalid_field")
    }

    @Test func `the paywall lets through who can pay the least job`() async throws {
        let api = try await PipelineFixture(credits: 1)
        let answer = try await api.send("POST", "/api/paywall", body: ["service": "separation"])
        #expect(answer.status == 200)
        #expect(answer.json == ["allowed": true, "currentBalance": 1, "required": 1])
    }

    @Test func `the paywall answers 402 with the balance and the price to who cannot`() async throws {
        let api = try await PipelineFixture(credits: 0)
        let answer = try await api.send("POST", "/api/paywall", body: ["service": "separation"])
        #expect(answer.status == 402)
        #expect(answer.json["currentBalance"] == 0)
        #expect(answer.json["required"] == 1)
        #expect(answer.json["error"] == "Insufficient credits")
    }

    @Test(arguments: [
        ("{}", 400, "missing_field"), ("{\"service\":3}", 400, "invalid_field"),
        ("{\"service\":\"separation\",\"x\":1}", 400, "unknown_field"),
        ("{\"service\":\"juggling\"}", 404, "unknown_service"), ("[]", 400, "invalid_json"),
        ("{\"service\":\"separation\"", 400, "invalid_json"),
        ("{\"service\":\"separation\",\"service\":\"separation\"}", 400, "invalid_json"),
    ])
    func `a body that the paywall cannot take is refused with its own code`(
        body: String, status: Int, code: String
    ) async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send("POST", "/api/paywall", bytes: Array(body.utf8), type: "application/json")
        #expect(answer.status == status)
        #expect(answer.code == code)
    }

    @Test func `a body of another type is refused`() async throws {
        let api = try await PipelineFixture()
        let answer = try await api.send("POST", "/api/paywall", bytes: Array("service=x".utf8), type: "text/plain")
        #expect(answer.status == 415)
    }
}
