internal import Blobs
public import Core
public import Database
public import JobQueue
internal import Ledger

/// What workers do to jobs. Each call is one transaction, and each refuses a worker whose claim was lost.
extension JobService {
    /// Within the claiming transaction: moves the claimed jobs to `running`.
    public func claimed(_ claims: [Claim], in connection: any DatabaseConnection) async throws {
        let now = time.now()
        for claim in claims {
            guard let id = JobID(parsing: claim.taskID),
                try await store.start(id, attempt: claim.attempt, at: now, in: connection)
            else { throw JobError.internal(cause: "\(claim.taskID) was claimed but cannot start") }
            try await record("claimed", attempt: claim.attempt, of: id, at: now, in: connection)
        }
    }

    /// The job behind a claim.
    public func job(of claim: Claim) async throws(JobError) -> Job {
        let store = store
        let found = try await read { connection -> Job? in
            guard let id = JobID(parsing: claim.taskID) else { return nil }
            return try await store.job(id, in: connection)
        }
        guard let found else { throw .internal(cause: "\(claim.taskID) has no job") }
        return found
    }

    /// Seconds that an attempt may take, from the input's length that the claim carries.
    public func deadlineSeconds(_ claim: Claim) -> Double {
        limits.deadlineSeconds(inputSeconds: Double(claim.payload) ?? 0)
    }

    /// Opens the input of a running job for its worker.
    public func openInput(of job: Job) async throws(JobError) -> OpenFile {
        let blobs = blobs
        return try await onDisk { try blobs.open(job.input.blob.id) }
    }

    /// Adds a line to the timeline.
    public func record(_ kind: String, detail: JSON = [:], of job: Job) async throws(JobError) {
        let service = self
        let now = time.now()
        try await write { connection in
            try await service.record(
                kind, detail: detail, attempt: job.attempt, of: job.id, at: now, in: connection)
        }
    }

    /// Tells those who watch, and keeps the figure for those who ask later.
    public func progress(_ fraction: Double, step: String, of job: Job, isKept: Bool) async throws(JobError) {
        hub.progressed(fraction, step: step, of: job.id, account: job.accountID)
        guard isKept else { return }
        let store = store
        try await write {
            try await store.setProgress(fraction, step: step, of: job.id, attempt: job.attempt, in: $0)
        }
    }

    /// Ends the job with its results and captures the hold, all or nothing.
    /// - Returns: `nil` if the claim was lost: nothing was written and the results are the caller's to remove.
    public func finish(
        _ claim: Claim, job: Job, artifacts: [Artifact], notes: [String], processingSeconds: Double
    ) async throws(JobError) -> JobState? {
        let service = self
        let now = time.now()
        return try await settle { connection in
            guard try await service.queue.complete(claim, in: connection) else { throw JobError.claimLost }
            for (position, artifact) in artifacts.enumerated() {
                try await service.store.insert(artifact, position: position, of: job.id, at: now, in: connection)
            }
            // The account's row before its feed's: a submission locks them in this order.
            let hold = try service.hold(of: job)
            _ = try await service.ledger.capture(
                hold,
                usage: UsageRecord(
                    service: job.service, jobID: job.id.text, processingSeconds: Int64(processingSeconds.rounded()),
                    fileBytes: job.input.blob.byteCount), in: connection)
            let stored: [JSON] = artifacts.map { ["name": .string($0.name), "bytes": .integer($0.blob.byteCount)] }
            try await service.record(
                "stored", detail: ["artifacts": .array(stored)], attempt: claim.attempt, of: job.id, at: now,
                in: connection)
            try await service.conclude(
                job, as: JobEnding(state: .completed, notes: notes), attempt: claim.attempt, event: "settled",
                detail: ["captured": .integer(job.price.credits)], at: now, in: connection)
            return .completed
        }
    }

    /// Ends the job as failed and gives the credits back; a transient failure is tried again while tries are left.
    public func fail(
        _ claim: Claim, job: Job, failure: JobFailure, isTransient: Bool
    ) async throws(JobError) -> JobState? {
        let service = self
        let now = time.now()
        return try await settle { connection in
            if isTransient {
                let outcome = try await service.queue.retry(claim, in: connection)
                if case .exhausted = outcome {
                } else {
                    let detail: JSON = [
                        "code": .string(failure.code.rawValue), "detail": .string(failure.detail),
                    ]
                    try await service.record(
                        "attempt_failed", detail: detail, attempt: claim.attempt, of: job.id, at: now, in: connection)
                    return try await service.followTask(outcome, claim, job, at: now, in: connection)
                }
            } else {
                guard try await service.queue.fail(claim, in: connection) else { throw JobError.claimLost }
            }
            try await service.end(
                job, as: JobEnding(state: .failed, failure: failure), attempt: claim.attempt, event: "failed",
                at: now, in: connection)
            return .failed
        }
    }

    /// Ends the job as canceled and gives the credits back.
    public func cancelClaimed(_ claim: Claim, job: Job) async throws(JobError) -> JobState? {
        let service = self
        let now = time.now()
        return try await settle { connection in
            guard try await service.queue.markCanceled(claim, in: connection) else { throw JobError.claimLost }
            try await service.end(
                job, as: JobEnding(state: .canceled), attempt: claim.attempt, event: "canceled", at: now,
                in: connection)
            return .canceled
        }
    }

    /// Puts the job back for another server, without counting a death, because this one is shutting down.
    public func handBack(_ claim: Claim, job: Job) async throws(JobError) -> JobState? {
        let service = self
        let now = time.now()
        return try await settle { connection in
            let outcome = try await service.queue.release(claim, in: connection)
            try await service.record("handed_back", attempt: claim.attempt, of: job.id, at: now, in: connection)
            return try await service.followTask(outcome, claim, job, at: now, in: connection)
        }
    }

    /// Moves the job where its task went when it was given back to the queue.
    private func followTask(
        _ outcome: RetryOutcome, _ claim: Claim, _ job: Job, at now: Timestamp, in connection: any DatabaseConnection
    ) async throws -> JobState {
        switch outcome {
        case .scheduled:
            try await store.requeue(job.id, in: connection)
            return .queued
        case .canceled:
            try await end(
                job, as: JobEnding(state: .canceled), attempt: claim.attempt, event: "canceled", at: now,
                in: connection)
            return .canceled
        case .exhausted, .lost: throw JobError.claimLost
        }
    }

    /// Within the transaction in which the queue took back what dead workers held: the jobs follow their tasks.
    public func rescued(_ report: RescueReport, in connection: any DatabaseConnection) async throws {
        let now = time.now()
        for job in try await jobs(report.requeued, in: connection) {
            try await store.requeue(job.id, in: connection)
            try await record("rescued", attempt: job.attempt, of: job.id, at: now, in: connection)
        }
        let gaveUp = JobFailure(
            code: .tooManyAttempts, detail: "Every worker that took the job died. The credits were returned.")
        for job in try await jobs(report.exhausted, in: connection) {
            try await end(
                job, as: JobEnding(state: .failed, failure: gaveUp), attempt: job.attempt, event: "failed", at: now,
                in: connection)
        }
        for job in try await jobs(report.canceled, in: connection) {
            try await end(
                job, as: JobEnding(state: .canceled), attempt: job.attempt, event: "canceled", at: now, in: connection)
        }
    }

    private func jobs(_ taskIDs: [String], in connection: any DatabaseConnection) async throws -> [Job] {
        var jobs: [Job] = []
        for text in taskIDs {
            guard let id = JobID(parsing: text), let job = try await store.job(id, in: connection) else {
                throw JobError.internal(cause: "\(text) has no job")
            }
            jobs.append(job)
        }
        return jobs
    }

    // MARK: Endings

    /// Ends a job without a result: state, timeline and the release of its hold.
    func end(
        _ job: Job, as ending: JobEnding, attempt: Int, event: String, at now: Timestamp,
        in connection: any DatabaseConnection
    ) async throws {
        _ = try await ledger.release(try hold(of: job), reason: event, in: connection)
        var detail: [JSON.Member] = [JSON.Member("released", .integer(job.price.credits))]
        if let failure = ending.failure {
            detail.append(JSON.Member("code", .string(failure.code.rawValue)))
            detail.append(JSON.Member("detail", .string(failure.detail)))
        }
        try await conclude(
            job, as: ending, attempt: attempt, event: event, detail: .object(detail), at: now, in: connection)
    }

    private func conclude(
        _ job: Job, as ending: JobEnding, attempt: Int, event: String, detail: JSON, at now: Timestamp,
        in connection: any DatabaseConnection
    ) async throws {
        let expiresAt = now.adding(seconds: limits.resultDays * 86_400)
        guard try await store.end(job.id, as: ending, at: now, expiresAt: expiresAt, in: connection) else {
            throw JobError.claimLost
        }
        try await record(event, detail: detail, attempt: attempt, of: job.id, at: now, in: connection)
    }

    /// Runs a settlement; `nil` if the claim was lost, and then nothing was written.
    private func settle(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> JobState
    ) async throws(JobError) -> JobState? {
        do {
            return try await write(body)
        } catch {
            if case .claimLost = error { return nil }
            throw error
        }
    }

    /// Adds a line to a timeline, and wakes those who watch it once it is there.
    func record(
        _ kind: String, detail: JSON = [:], attempt: Int, of id: JobID, at now: Timestamp,
        in connection: any DatabaseConnection
    ) async throws {
        let account = try await store.append(kind, detail: detail, attempt: attempt, to: id, at: now, in: connection)
        let hub = hub
        connection.afterCommit { hub.timelineChanged(of: id, account: account) }
    }

    private func hold(of job: Job) throws(JobError) -> HoldID {
        guard let hold = HoldID(parsing: job.holdID) else { throw .internal(cause: "hold of \(job.id)") }
        return hold
    }
}
