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

struct JobServiceTests {
    @Test func `a submission holds the price and enqueues the job in one step`() async throws {
        let studio = try await StudioFixture(inputSeconds: 601)
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        #expect(job.state == .queued)
        #expect(job.price.credits == 2)
        #expect(try await studio.balance(account) == Balance(available: 1, held: 2, debt: 0))
        let detail = try await studio.jobs.detail(job.id, of: account)
        #expect(detail.queuePosition == 1)
        #expect(detail.events.map(\.kind) == ["queued"])
    }

    @Test func `a submission beyond the balance holds nothing and leaves no file behind`() async throws {
        let studio = try await StudioFixture(inputSeconds: 7200)
        let account = try await studio.account(credits: 3)
        await #expect {
            try await studio.submit(account)
        } throws: { error in
            if case JobError.insufficientCredits(available: 3, required: 12) = error { true } else { false }
        }
        #expect(try await studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
        #expect(try studio.blobs.list().isEmpty)
        #expect(try await studio.jobs.jobs(of: account, state: nil, before: nil, limit: 10).isEmpty)
    }

    @Test func `a refused file leaves nothing behind and costs nothing`() async throws {
        let studio = try await StudioFixture(
            inspection: .failure(.unacceptableInput(.mediaUnreadable, detail: "no audio")))
        let account = try await studio.account(credits: 3)
        await #expect(throws: JobError.self) { try await studio.submit(account) }
        #expect(try studio.blobs.list().isEmpty)
        #expect(try await studio.balance(account).available == 3)
    }

    @Test func `the same idempotency key and content give the same job and one hold`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let first = try await studio.jobs.submit(try await studio.submission(account, key: "k"))
        let second = try await studio.jobs.submit(try await studio.submission(account, key: "k"))
        #expect(first.job.id == second.job.id)
        #expect(!first.isReplay && second.isReplay)
        #expect(try await studio.balance(account) == Balance(available: 2, held: 1, debt: 0))
        #expect(try studio.blobs.list() == [first.job.input.blob.id])
    }

    @Test func `the same idempotency key with other content is refused`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        _ = try await studio.jobs.submit(try await studio.submission(account, content: "one", key: "k"))
        await #expect {
            try await studio.jobs.submit(try await studio.submission(account, content: "two", key: "k"))
        } throws: { error in
            if case JobError.idempotencyKeyReused = error { true } else { false }
        }
        await #expect(throws: JobError.self) {
            try await studio.jobs.submit(
                try await studio.submission(account, content: "one", options: ["residual": true], key: "k"))
        }
    }

    @Test func `an idempotency key belongs to its account`() async throws {
        let studio = try await StudioFixture()
        let one = try await studio.account(credits: 1, email: "one@example.org")
        let other = try await studio.account(credits: 1, email: "other@example.org")
        let first = try await studio.jobs.submit(try await studio.submission(one, key: "k"))
        let second = try await studio.jobs.submit(try await studio.submission(other, key: "k"))
        #expect(first.job.id != second.job.id)
    }

    @Test func `an account without credits is refused before its body is read, a repeat is not`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 1)
        _ = try await studio.jobs.submit(try await studio.submission(account, key: "k"))
        await #expect(throws: JobError.self) {
            try await studio.jobs.admit(account: account, idempotencyKey: nil)
        }
        try await studio.jobs.admit(account: account, idempotencyKey: "k")
    }

    @Test func `a job is nobody else's to see or cancel`() async throws {
        let studio = try await StudioFixture()
        let owner = try await studio.account(credits: 1, email: "owner@example.org")
        let stranger = try await studio.account(credits: 1, email: "stranger@example.org")
        let job = try await studio.submit(owner)
        await #expect(throws: JobError.self) { try await studio.jobs.detail(job.id, of: stranger) }
        await #expect(throws: JobError.self) { try await studio.jobs.cancel(job.id, of: stranger) }
        #expect(try await studio.jobs.jobs(of: stranger, state: nil, before: nil, limit: 10).isEmpty)
    }

    @Test func `canceling a queued job ends it and gives the credits back`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        #expect(try await studio.jobs.cancel(job.id, of: account).state == .canceled)
        #expect(try await studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
        #expect(try await studio.kinds(job.id, of: account) == ["queued", "canceled"])
        // A repeat answers the same and releases nothing twice.
        #expect(try await studio.jobs.cancel(job.id, of: account).state == .canceled)
        #expect(try await studio.discrepancies().isEmpty)
    }

    @Test func `a success captures the hold once and stores the artefacts`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let claim = try await studio.claim()
        let state = try await studio.jobs.finish(
            claim, job: try await studio.jobs.job(of: claim), artifacts: [try studio.artifact("vocals.wav")],
            notes: ["a note"], processingSeconds: 2)
        #expect(state == .completed)
        let detail = try await studio.jobs.detail(job.id, of: account)
        #expect(detail.job.progress == 1)
        #expect(detail.job.notes == ["a note"])
        #expect(detail.artifacts.map(\.name) == ["vocals.wav"])
        #expect(detail.events.map(\.kind) == ["queued", "claimed", "stored", "settled"])
        #expect(try await studio.balance(account) == Balance(available: 2, held: 0, debt: 0))
        #expect(try await studio.discrepancies().isEmpty)
    }

    @Test func `a stale worker settles nothing`() async throws {
        var limits = QueueLimits()
        limits.leaseSeconds = 10
        let studio = try await StudioFixture(queueLimits: limits)
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let stale = try await studio.claim()
        studio.time.advance(seconds: 11)
        let (queue, jobs) = (studio.queue, studio.jobs)
        try await studio.database.write { connection in
            try await jobs.rescued(try await queue.rescue(in: connection), in: connection)
        }
        let fresh = try await studio.claim()
        let staleJob = try await jobs.job(of: stale)
        #expect(
            try await jobs.finish(stale, job: staleJob, artifacts: [], notes: [], processingSeconds: 1) == nil)
        #expect(
            try await jobs.fail(
                stale, job: staleJob, failure: JobFailure(code: .engineFailed, detail: ""), isTransient: false) == nil)
        #expect(try await jobs.cancelClaimed(stale, job: staleJob) == nil)
        #expect(try await studio.balance(account).held == 1)
        #expect(
            try await jobs.finish(
                fresh, job: try await jobs.job(of: fresh), artifacts: [], notes: [], processingSeconds: 1)
                == .completed)
        #expect(try await studio.balance(account) == Balance(available: 2, held: 0, debt: 0))
        #expect(
            try await studio.kinds(job.id, of: account)
                == ["queued", "claimed", "rescued", "claimed", "stored", "settled"])
    }

    @Test func `a transient failure keeps the hold and is tried again, a last one gives the credits back`() async throws
    {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let failure = JobFailure(code: .engineFailed, detail: "out of luck")
        for attempt in 1...2 {
            let claim = try await studio.claim()
            #expect(claim.attempt == attempt)
            let state = try await studio.jobs.fail(
                claim, job: try await studio.jobs.job(of: claim), failure: failure, isTransient: true)
            #expect(state == .queued)
            #expect(try await studio.balance(account).held == 1)
            studio.time.advance(seconds: 1000)
        }
        let last = try await studio.claim()
        let state = try await studio.jobs.fail(
            last, job: try await studio.jobs.job(of: last), failure: failure, isTransient: true)
        #expect(state == .failed)
        #expect(try await studio.jobs.job(job.id, of: account).failure == failure)
        #expect(try await studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
        #expect(try await studio.discrepancies().isEmpty)
    }

    @Test func `a job that kills five workers fails and gives the credits back`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let (queue, jobs) = (studio.queue, studio.jobs)
        for _ in 1...5 {
            _ = try await studio.claim()
            studio.time.advance(seconds: 1000)
            try await studio.database.write { connection in
                try await jobs.rescued(try await queue.rescue(in: connection), in: connection)
            }
            studio.time.advance(seconds: 1000)
        }
        #expect(try await jobs.job(job.id, of: account).failure?.code == .tooManyAttempts)
        #expect(try await studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
    }

    @Test func `a running job that is canceled ends when its worker lets go`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let claim = try await studio.claim()
        #expect(try await studio.jobs.cancel(job.id, of: account).state == .running)
        #expect(try await studio.balance(account).held == 1)
        #expect(
            try await studio.jobs.cancelClaimed(claim, job: try await studio.jobs.job(of: claim)) == .canceled)
        #expect(try await studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
    }

    @Test func `asking again to cancel a running job adds nothing to its timeline`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        _ = try await studio.claim()
        for _ in 1...3 { _ = try await studio.jobs.cancel(job.id, of: account) }
        #expect(try await studio.kinds(job.id, of: account) == ["queued", "claimed", "cancel_requested"])
    }

    @Test func `an account has only so many uploads under way`() async throws {
        var limits = JobLimits()
        limits.uploadsPerAccountMax = 1
        let studio = try await StudioFixture(limits: limits)
        let account = try await studio.account(credits: 3)
        let other = try await studio.account(credits: 3, email: "other@example.org")
        do {
            let upload = try await studio.jobs.stageInput(for: account, byteCount: 0)
            await #expect {
                _ = try await studio.jobs.stageInput(for: account, byteCount: 0)
            } throws: { error in
                if case JobError.tooManyUploads(countMax: 1) = error { true } else { false }
            }
            _ = try await studio.jobs.stageInput(for: other, byteCount: 0)
            withExtendedLifetime(upload) {}
        }
        _ = try await studio.jobs.stageInput(for: account, byteCount: 0)
    }

    @Test func `what would leave less of the disk than the reserve is refused before it is taken in`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let free = try studio.blobs.freeBytes()
        await #expect {
            _ = try await studio.jobs.stageInput(for: account, byteCount: free)
        } throws: { error in
            if case JobError.storageFull = error { true } else { false }
        }
    }

    @Test func `results that would be too large are refused before anything is held`() async throws {
        var limits = JobLimits()
        limits.resultBytesMax = 99
        var service = StudioFixture.separation
        service.diskNeeds = { _, _ in DiskNeeds(resultBytes: 100) }
        let studio = try await StudioFixture(limits: limits, service: service)
        let account = try await studio.account(credits: 3)
        await #expect {
            try await studio.submit(account)
        } throws: { error in
            if case JobError.unacceptableInput(.resultTooLarge, _) = error { true } else { false }
        }
        #expect(try await studio.balance(account).held == 0)
    }

    @Test func `options that contradict each other are refused at submission`() async throws {
        var service = StudioFixture.separation
        service.rule = { (_, _) throws(JobError) in throw .invalidOption(name: "residual", reason: "must be false") }
        let studio = try await StudioFixture(service: service)
        let account = try await studio.account(credits: 3)
        await #expect(throws: JobError.self) { try await studio.submit(account) }
        #expect(try await studio.balance(account).held == 0)
    }

    @Test func `blobs are bound to the database that first used them`() async throws {
        let one = try await StudioFixture()
        try await one.jobs.claimBlobs()
        try await one.jobs.claimBlobs()
        let other = try await StudioFixture()
        let mixed = JobService(
            database: other.database, ledger: other.ledger, queue: other.queue, blobs: one.blobs,
            disk: BlockingPool(name: "disk", threads: 1), services: [], limits: JobLimits(),
            inspector: ScriptedInspector(answer: .failure(.jobNotFound)), hub: other.hub, time: other.time,
            wakeWorkers: {})
        await #expect {
            try await mixed.claimBlobs()
        } throws: { error in
            if case JobError.foreignBlobs = error { true } else { false }
        }
    }

    @Test func `what has completed cannot be canceled`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let claim = try await studio.claim()
        _ = try await studio.jobs.finish(
            claim, job: try await studio.jobs.job(of: claim), artifacts: [], notes: [], processingSeconds: 1)
        await #expect {
            try await studio.jobs.cancel(job.id, of: account)
        } throws: { error in
            if case JobError.alreadyEnded(.completed) = error { true } else { false }
        }
    }

    @Test(arguments: [
        ("song.mp3", "song.mp3"), ("../../etc/passwd", "passwd"), ("C:\\music\\a.wav", "a.wav"), ("", "upload"),
        ("a\u{0}b\n.wav", "ab.wav"), ("..//", ".."),
    ])
    func `a file name is kept for display without folders and controls`(given: String, kept: String) async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 1)
        var submission = try await studio.submission(account)
        submission.fileName = given
        #expect(try await studio.jobs.submit(submission).job.input.name == kept)
    }

    @Test func `the sweeper removes inputs of ended jobs, expired results and old orphans, and nothing else`()
        async throws
    {
        // In a process of its own: identifiers tell the latest time that any of the process's clocks has shown.
        await #expect(processExitsWith: .success) {
            // The year 2200: later than the system's clock, which names the staged files.
            let studio = try await StudioFixture(
                time: ManualTime(Timestamp(milliseconds: 7_258_118_400_000)))
            let account = try await studio.account(credits: 3)
            let done = try await studio.submit(account)
            let claim = try await studio.claim()
            let artifact = try studio.artifact("vocals.wav")
            _ = try await studio.jobs.finish(
                claim, job: try await studio.jobs.job(of: claim), artifacts: [artifact], notes: [], processingSeconds: 1
            )
            let waiting = try await studio.submit(account, content: "another")
            let orphan = try studio.artifact("nobody's")

            #expect(try await studio.jobs.sweep().inputs == 1)
            #expect(Set(try studio.blobs.list()) == [artifact.blob.id, waiting.input.blob.id, orphan.blob.id])
            studio.time.advance(seconds: 2 * 3600)
            #expect(try await studio.jobs.sweep().orphans == 1)
            #expect(Set(try studio.blobs.list()) == [artifact.blob.id, waiting.input.blob.id])
            studio.time.advance(seconds: 31 * 86_400)
            #expect(try await studio.jobs.sweep().results == 1)
            #expect(try studio.blobs.list() == [waiting.input.blob.id])
            await #expect {
                try await studio.jobs.artifacts(of: done.id, account: account)
            } throws: { error in
                if case JobError.artifactExpired = error { true } else { false }
            }
        }
    }
}
