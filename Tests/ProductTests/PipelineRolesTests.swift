import API
import Accounts
import Core
import Database
import HTTP
import JobQueue
import Ledger
import Postgres
import Studio
import Support
import Testing

/// The product's requests on Postgres, each with no more than the role and the credential it came with.
@Suite struct PipelineRolesTests {
    private func open(_ body: (PipelineFixture) async throws -> Void) async throws {
        try await PostgresRoles.open { roles async throws in
            let studio = try await StudioFixture(on: roles.database)
            try await body(try await PipelineFixture(credits: 5, studio: studio))
            let discrepancies = try await studio.discrepancies()
            #expect(discrepancies == [])
        }
    }

    @Test func `a request does all that the API offers with its own role`() async throws {
        try await open { api async throws in
            let id = try #require(try await api.submit().json["id"]?.string)
            let replay = try await api.submit(fields: [("Idempotency-Key", "k")])
            let again = try await api.submit(fields: [("Idempotency-Key", "k")])
            #expect(again.json["id"] == replay.json["id"] && again.json["id"]?.string != nil)
            let detail = try await api.send("GET", "/api/v1/jobs/\(id)")
            #expect(detail.status == 200 && detail.json["queuePosition"] == 1)
            let behind = try await api.send("GET", "/api/v1/jobs/\(again.json["id"]?.string ?? "")")
            #expect(behind.json["queuePosition"] == 2)
            let list = try await api.send("GET", "/api/v1/jobs")
            #expect(list.json["jobs"]?.array?.count == 2, "\(list.json.text)")
            let credits = try await api.send("GET", "/api/credits?userId=\(api.account)")
            #expect(credits.json["credits"] == 3)
            let paywall = try await api.send("POST", "/api/paywall", body: ["service": "separation"])
            #expect(paywall.json["allowed"] == true)
            let canceled = try await api.send("DELETE", "/api/v1/jobs/\(id)")
            #expect(canceled.json["state"] == "canceled", "\(canceled.json.text)")
            let events = try await api.send("GET", "/api/v1/jobs/\(id)/events")
            let said = String(decoding: events.bytes, as: UTF8.self)
            #expect(events.status == 200 && said.contains("canceled"), "\(said)")
            #expect(try await api.studio.balance(api.account) == Balance(available: 4, held: 1, debt: 0))
        }
    }

    @Test func `a worker ends a request's job with the service's role`() async throws {
        try await open { api async throws in
            let id = try #require(JobID(parsing: try await api.submit().json["id"]?.string ?? ""))
            let claim = try await api.studio.claim()
            let job = try await api.studio.jobs.job(of: claim)
            let vocals = try api.studio.artifact("vocals.wav")
            let ended = try await api.studio.jobs.finish(
                claim, job: job, artifacts: [vocals], notes: [], processingSeconds: 2)
            #expect(ended == .completed)
            let stem = try await api.send("GET", "/api/v1/jobs/\(id)/artifacts/vocals.wav")
            #expect(String(decoding: stem.bytes, as: UTF8.self) == "stem")
            let zip = try await api.send("GET", "/api/v1/jobs/\(id)/download")
            #expect(zip.status == 200)
            #expect(try await api.studio.balance(api.account) == Balance(available: 4, held: 0, debt: 0))
            #expect(try await api.studio.jobs.sweep().failures == 0)
        }
    }

    @Test func `another's job is as unknown as none, and a revoked key opens nothing`() async throws {
        try await open { api async throws in
            let id = try #require(try await api.submit().json["id"]?.string)
            let other = try await api.studio.account(credits: 3, email: "other@example.org")
            let (key, token) = try await api.studio.accounts.createKey(for: other, name: "other")
            for method in ["GET", "DELETE"] {
                #expect(try await api.send(method, "/api/v1/jobs/\(id)", token: token).status == 404)
            }
            try await api.studio.accounts.revokeKey(key.id)
            #expect(try await api.send("GET", "/api/v1/jobs", token: token).status == 401)
        }
    }
}
