import Blobs
import Core
import Database
import Engines
import JobQueue
import Ledger
import Studio
import Support
import Telemetry
import Testing
import Workers

private struct OneArtifact: ServiceRunner {
    let result: ServiceResult
    let before: @Sendable () -> Void

    func run(
        _ job: Job, input: OpenFile, blobs: any BlobStore, progress: any ServiceProgress,
        cancellation: CancellationFlag
    ) throws(ServiceFailure) -> ServiceResult {
        before()
        return result
    }
}

struct LostAnswerTests {
    private func studio() async throws -> (StudioFixture, FaultyDatabase, ScratchDatabase) {
        let time = ManualTime()
        let scratch = try await ScratchDatabase.open(time: time)
        let database = FaultyDatabase(scratch.database)
        return (try await StudioFixture(time: time, on: database), database, scratch)
    }

    private func run(
        _ studio: StudioFixture, _ claim: Claim, _ artifact: Artifact, before: @escaping @Sendable () -> Void
    ) async {
        let runner = OneArtifact(result: ServiceResult(artifacts: [artifact], notes: []), before: before)
        await JobRunner(
            jobs: studio.jobs, blobs: studio.blobs, runners: ["separation": runner],
            pool: BlockingPool(name: "worker", threads: 1), log: Logger(level: .error), time: studio.time,
            ended: { _ in }
        ).run(claim, cancellation: CancellationFlag())
    }

    @Test func `a job whose commit was made, and only its answer lost, has its input, and is found by its key`()
        async throws
    {
        let (studio, database, scratch) = try await studio()
        let account = try await studio.account(credits: 3)
        let submission = try await studio.submission(account, content: "the song", key: "k")
        database.failNextCommit(.answerLost)
        let (job, isReplay) = try await studio.jobs.submit(submission)
        #expect(!isReplay)
        #expect(try studio.blobs.list() == [job.input.blob.id])
        #expect(try await studio.balance(account) == Balance(available: 2, held: 1, debt: 0))

        let keyless = try await studio.submission(account, content: "another")
        database.failNextCommit(.answerLost)
        await #expect(throws: JobError.self) { try await studio.jobs.submit(keyless) }
        // Nobody was told of it, yet it may be there: it is, and its file with it.
        #expect(try studio.blobs.list().count == 2)
        withExtendedLifetime(scratch) {}
    }

    @Test func `a job that completed though nobody was told keeps its results`() async throws {
        let (studio, database, scratch) = try await studio()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let artifact = try studio.artifact("vocals.wav")
        await run(studio, try await studio.claim(), artifact) { database.failNextCommit(.answerLost) }
        let detail = try await studio.jobs.detail(job.id, of: account)
        #expect(detail.job.state == .completed)
        #expect(try studio.blobs.list().contains(artifact.blob.id))
        #expect(try await studio.balance(account) == Balance(available: 2, held: 0, debt: 0))
        withExtendedLifetime(scratch) {}
    }

    @Test func `work that is done is not thrown away while the database is busy`() async throws {
        let (studio, database, scratch) = try await studio()
        let account = try await studio.account(credits: 3)
        let job = try await studio.submit(account)
        let artifact = try studio.artifact("vocals.wav")
        await run(studio, try await studio.claim(), artifact) { database.beBusy(2) }
        #expect(try await studio.jobs.detail(job.id, of: account).job.state == .completed)
        #expect(try studio.blobs.list() == [artifact.blob.id])
        withExtendedLifetime(scratch) {}
    }

    @Test func `requests that race under one key are answered with one job, whoever holds the last credit`()
        async throws
    {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 1)
        let answers = try await withThrowingTaskGroup(of: (JobID, Bool).self) { group in
            for _ in 0..<6 {
                let submission = try await studio.submission(account, content: "the song", key: "k")
                group.addTask {
                    let (job, isReplay) = try await studio.jobs.submit(submission)
                    return (job.id, isReplay)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(answers.map(\.0)).count == 1)
        #expect(answers.count { !$0.1 } == 1)
        #expect(try studio.blobs.list().count == 1)
        #expect(try await studio.balance(account) == Balance(available: 0, held: 1, debt: 0))
    }
}
