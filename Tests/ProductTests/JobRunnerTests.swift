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

/// An engine that does what the test says.
private struct ScriptedRunner: ServiceRunner {
    typealias Body =
        @Sendable (OpenFile, any BlobStore, any ServiceProgress, CancellationFlag) throws(ServiceFailure) ->
        ServiceResult
    let body: Body

    func run(
        _ job: Job, input: OpenFile, blobs: any BlobStore, progress: any ServiceProgress,
        cancellation: CancellationFlag
    ) throws(ServiceFailure) -> ServiceResult {
        try body(input, blobs, progress, cancellation)
    }
}

struct JobRunnerTests {
    private func runner(_ studio: StudioFixture, _ body: @escaping ScriptedRunner.Body) -> JobRunner {
        JobRunner(
            jobs: studio.jobs, blobs: studio.blobs, runners: ["separation": ScriptedRunner(body: body)],
            pool: BlockingPool(name: "worker", threads: 1), log: Logger(level: .error), time: studio.time,
            ended: { _ in })
    }

    @Test func `a job is run on its own input, its results stored, its input removed`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account, content: "the song")
        let artifact = try studio.artifact("vocals.wav")
        let claim = try await studio.claim()
        await runner(studio) { input, _, progress, _ throws(ServiceFailure) in
            let content = (try? input.read(at: 0, count: 100)) ?? []
            progress.reached(0.5, step: "separate")
            progress.finished(stage: "decoded", detail: [:])
            return ServiceResult(
                artifacts: [artifact], notes: [String(decoding: content, as: UTF8.self)])
        }.run(claim, cancellation: CancellationFlag())
        let detail = try await studio.jobs.detail(job.id, of: account)
        #expect(detail.job.state == .completed)
        #expect(detail.job.notes == ["the song"])
        #expect(detail.events.map(\.kind) == ["queued", "claimed", "decoded", "stored", "settled"])
        #expect(try studio.blobs.list() == [artifact.blob.id])
        #expect(try await studio.balance(account) == Balance(available: 2, held: 0, debt: 0))
    }

    @Test func `a wall clock that is set back while a job runs costs nothing`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let artifact = try studio.artifact("vocals.wav")
        let claim = try await studio.claim()
        await runner(studio) { _, _, _, _ throws(ServiceFailure) in
            studio.time.setWallClock(studio.time.now().adding(seconds: -86_400))
            studio.time.advance(seconds: 7)
            return ServiceResult(artifacts: [artifact], notes: [])
        }.run(claim, cancellation: CancellationFlag())
        #expect(try await studio.jobs.job(job.id, of: account).state == .completed)
        let books = LedgerReader(database: studio.database, ledger: CreditLedger(time: studio.time))
        let usage = try await books.statement(of: account, limit: 1, purchasesCursor: nil, usageCursor: nil).usage
        #expect(usage?.entries.first?.record.processingSeconds == 7)
    }

    @Test func `a failure of the file ends the job at once with its own code`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let claim = try await studio.claim()
        let failure = JobFailure(code: .mediaTruncated, detail: "ends after 3 s")
        await runner(studio) { _, _, _, _ throws(ServiceFailure) in
            throw .failed(failure, cause: nil, isTransient: false)
        }.run(claim, cancellation: CancellationFlag())
        #expect(try await studio.jobs.job(job.id, of: account).failure == failure)
        #expect(try await studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
        #expect(try studio.blobs.list().isEmpty)
    }

    @Test func `a transient failure keeps the input for the next attempt`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let claim = try await studio.claim()
        await runner(studio) { _, _, _, _ throws(ServiceFailure) in
            throw .failed(JobFailure(code: .engineFailed, detail: ""), cause: "bad luck", isTransient: true)
        }.run(claim, cancellation: CancellationFlag())
        #expect(try await studio.jobs.job(job.id, of: account).state == .queued)
        #expect(try studio.blobs.list() == [job.input.blob.id])
        #expect(try await studio.balance(account).held == 1)
    }

    @Test func `the results of a worker that lost its claim are removed`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let claim = try await studio.claim()
        let artifact = try studio.artifact("vocals.wav")
        studio.time.advance(seconds: 1000)
        let (queue, jobs) = (studio.queue, studio.jobs)
        try await studio.database.write { connection in
            try await jobs.rescued(try await queue.rescue(in: connection), in: connection)
        }
        await runner(studio) { _, _, _, _ throws(ServiceFailure) in
            ServiceResult(artifacts: [artifact], notes: [])
        }.run(claim, cancellation: CancellationFlag())
        #expect(try await studio.jobs.job(job.id, of: account).state == .queued)
        #expect(try studio.blobs.list() == [job.input.blob.id])
    }

    @Test func `a service that nobody runs here fails its job and costs nothing`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let claim = try await studio.claim()
        await JobRunner(
            jobs: studio.jobs, blobs: studio.blobs, runners: [:], pool: BlockingPool(name: "worker", threads: 1),
            log: Logger(level: .error), time: studio.time, ended: { _ in }
        ).run(claim, cancellation: CancellationFlag())
        #expect(try await studio.jobs.job(job.id, of: account).failure?.code == .unknownService)
        #expect(try await studio.balance(account).available == 3)
    }

    @Test func `canceling a running job stops its engine and gives the credits back`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let (started, begun) = AsyncStream.makeStream(of: Void.self)
        let (settled, settle) = AsyncStream.makeStream(of: JobState.self)
        let runner = JobRunner(
            jobs: studio.jobs, blobs: studio.blobs,
            runners: [
                "separation": ScriptedRunner { _, _, _, cancellation throws(ServiceFailure) in
                    begun.yield()
                    while !cancellation.isRaised {}
                    throw .canceled
                }
            ], pool: BlockingPool(name: "worker", threads: 1), log: Logger(level: .error), time: studio.time,
            ended: { settle.yield($0) })
        let executor = studio.executor(runner)
        executor.start()
        for await _ in started { break }
        #expect(try await studio.jobs.cancel(job.id, of: account).state == .running)
        executor.wake()
        for await state in settled {
            #expect(state == .canceled)
            break
        }
        await executor.shutdown(graceSeconds: 5)
        #expect(try await studio.jobs.job(job.id, of: account).state == .canceled)
        #expect(try await studio.balance(account) == Balance(available: 3, held: 0, debt: 0))
    }

    @Test func `a shutdown puts a running job back without counting a death or a failure`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let (started, begun) = AsyncStream.makeStream(of: Void.self)
        let executor = studio.executor(
            runner(studio) { _, _, _, cancellation throws(ServiceFailure) in
                begun.yield()
                while !cancellation.isRaised {}
                throw .canceled
            })
        executor.start()
        for await _ in started { break }
        await executor.shutdown(graceSeconds: 0)
        #expect(try await studio.jobs.job(job.id, of: account).state == .queued)
        #expect(try await studio.balance(account).held == 1)
        let next = try await studio.claim()
        #expect(next.failures == 0)
        #expect(next.deaths == 0)
    }
}

extension StudioFixture {
    /// The executor as the server wires it.
    func executor(_ runner: JobRunner) -> Executor {
        Executor(
            database: database, queue: queue, worker: .current(), kinds: [JobService.taskKind], hooks: jobs.hooks,
            handler: { await runner.run($0, cancellation: $1) })
    }
}
