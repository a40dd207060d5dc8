import Core
import Database
import JobQueue
import Ledger
import Studio
import Support
import Testing

/// What operators do with the jobs of any account.
@Suite struct JobOperatorTests {
    private func onBoth(_ backend: Backend, _ body: (StudioFixture) async throws -> Void) async throws {
        let time = ManualTime()
        try await backend.withDatabase(time: time) { database in
            try await body(try await StudioFixture(time: time, on: database))
        }
    }

    @Test(arguments: Backend.allCases)
    func `an operator sees the jobs of all accounts or of one, newest first, with what the queue knows`(
        _ backend: Backend
    ) async throws {
        try await onBoth(backend) { studio in
            let first = try await studio.account(credits: 10)
            let second = try await studio.account(credits: 10, email: "other@example.org")
            let old = try await studio.submit(first)
            studio.time.advance(seconds: 1)
            let new = try await studio.submit(second)
            let claim = try await studio.claim()
            #expect(claim.taskID == old.id.text)
            let all = try await studio.jobs.overview(of: nil, state: nil, limit: 10)
            #expect(all.map(\.job.id) == [new.id, old.id])
            #expect(all[1].task?.workerHost == WorkerIdentity.current().host)
            #expect(all[0].task?.workerHost == nil && all[0].task?.failures == 0)
            #expect(try await studio.jobs.overview(of: nil, state: nil, limit: 1).map(\.job.id) == [new.id])
            #expect(try await studio.jobs.overview(of: first, state: nil, limit: 9).map(\.job.id) == [old.id])
            #expect(try await studio.jobs.overview(of: first, state: .queued, limit: 9).isEmpty)
            #expect(try await studio.jobs.overview(of: nil, state: .running, limit: 9).map(\.job.id) == [old.id])
        }
    }

    @Test(arguments: Backend.allCases)
    func `an operator cancels anybody's job, and the credits go back`(_ backend: Backend) async throws {
        try await onBoth(backend) { studio in
            let account = try await studio.account(credits: 3)
            let job = try await studio.submit(account)
            #expect(try await studio.balance(account).held > 0)
            #expect(try await studio.jobs.cancel(job.id).state == .canceled)
            #expect(try await studio.balance(account).available == 3)
            await #expect {
                _ = try await studio.jobs.cancel(JobID(at: studio.time.now()))
            } throws: { if case .jobNotFound = $0 as? JobError { true } else { false } }
            #expect(try await studio.discrepancies().isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a job that waits for its next attempt can be hurried, one that has ended cannot`(
        _ backend: Backend
    ) async throws {
        try await onBoth(backend) { studio in
            let account = try await studio.account(credits: 3)
            let job = try await studio.submit(account)
            let claim = try await studio.claim()
            #expect(try await !studio.jobs.hurry(job.id), "it runs")
            let failure = JobFailure(code: .engineFailed, detail: "")
            let state = try await studio.jobs.fail(claim, job: job, failure: failure, isTransient: true)
            #expect(state == .queued)
            #expect(try await studio.jobs.hurry(job.id))
            let again = try await studio.claim()
            #expect(again.attempt == 2 && again.failures == 1)
            _ = try await studio.jobs.fail(again, job: job, failure: failure, isTransient: false)
            await #expect {
                _ = try await studio.jobs.hurry(job.id)
            } throws: { if case .alreadyEnded(.failed) = $0 as? JobError { true } else { false } }
        }
    }

    @Test(arguments: Backend.allCases)
    func `while the queue is paused jobs are taken in and none is started`(_ backend: Backend) async throws {
        try await onBoth(backend) { studio in
            #expect(try await studio.jobs.pausedSince() == nil)
            #expect(try await studio.jobs.pause())
            #expect(try await !studio.jobs.pause())
            #expect(try await studio.jobs.pausedSince() == studio.time.now())
            let job = try await studio.submit(try await studio.account(credits: 3))
            let claims = try await studio.database.write { [queue = studio.queue] connection in
                try await queue.claim(
                    worker: .current(), kinds: [JobService.taskKind], limit: 9, in: connection)
            }
            #expect(claims.isEmpty)
            #expect(try await studio.jobs.resume())
            #expect(try await !studio.jobs.resume())
            #expect(try await studio.claim().taskID == job.id.text)
        }
    }
}
