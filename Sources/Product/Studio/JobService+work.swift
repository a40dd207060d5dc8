internal import Blobs
public import Core
public import Database
public import JobQueue
internal import Ledger

/// What workers do to jobs. Each call is one transaction, and each refuses a worker whose claim was lost.
extension JobService {
    /// What an executor of this service's jobs asks. Its owner adds who hears of errors.
    public var hooks: ExecutorHooks {
        var hooks = ExecutorHooks()
        hooks.claimed = { try await claimed($0, in: $1) }
        hooks.unheld = { try await store.unheldFeeds(of: $0, in: $1) }
        hooks.rescued = { try await rescued($0, in: $1) }
        hooks.discarded = { try await discarded($0, in: $1) }
        hooks.blamesTask = { Self.blamesTask($0) }
        hooks.deadlineSeconds = { deadlineSeconds($0) }
        return hooks
    }

    /// Within the claiming transaction: moves the claimed jobs to `running`, however many in one round trip.
    /// - Returns: the tasks whose job cannot run: there is none of that account, it has ended, or cannot be read.
    public func claimed(_ claims: [Claim], in connection: any DatabaseConnection) async throws -> [TaskRefusal] {
        let started = try await store.start(claims, at: time.now(), in: connection)
        notify(started.values.compactMap(\.self), in: connection)
        return claims.compactMap { claim in
            switch started[claim.taskID] {
            case .some(.some): nil
            case .some(nil): TaskRefusal(taskID: claim.taskID, reason: "its job cannot be read")
            case nil: TaskRefusal(taskID: claim.taskID, reason: "its account has no such job that may run")
            }
        }
    }

    /// Within the transaction in which the queue ended a task that cannot be worked on: its job, if there is one,
    /// fails, and gives back what it holds.
    func discarded(_ taskID: String, in connection: any DatabaseConnection) async throws {
        let now = time.now()
        guard let remains = try await store.remains(of: taskID, in: connection) else { return }
        let failure = JobFailure(
            code: .internalError, detail: "The job's records are damaged: it cannot run. The credits were returned.")
        if let hold = HoldID(parsing: remains.holdID) {
            _ = try await ledger.release(hold, reason: "discarded", in: connection)
        }
        let ending = JobEnding(state: .failed, failure: failure)
        let expiresAt = now.adding(seconds: limits.resultDays * 86_400)
        guard try await store.end(named: taskID, as: ending, at: now, expiresAt: expiresAt, in: connection) else {
            return
        }
        let places = try await store.append(
            "failed", detail: ["code": .string(failure.code.rawValue), "detail": .string(failure.detail)],
            to: [remains.line], at: now, in: connection)
        notify(places, in: connection)
    }

    /// Whether an error within a claim or a rescue is about one task, and not about the database.
    static func blamesTask(_ error: any Error) -> Bool {
        switch error {
        case DatabaseError.constraintViolation, DatabaseError.raised: true
        case is DatabaseError: false
        case LedgerError.database(let error): blamesTask(error)
        case QueueError.database(let error): blamesTask(error)
        default: error is LedgerError || error is JobError
        }
    }

    func notify(_ places: [(JobID, AccountID)], in connection: any DatabaseConnection) {
        let hub = hub
        connection.afterCommit { for (job, account) in places { hub.timelineChanged(of: job, account: account) } }
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
    /// - Returns: the tasks that have no job, or none that can be read.
    public func rescued(_ report: RescueReport, in connection: any DatabaseConnection) async throws -> [TaskRefusal] {
        let now = time.now()
        var refusals: [TaskRefusal] = []
        let requeued = try await store.jobs(report.requeued, in: connection)
        refusals += requeued.missing
        try await store.requeue(requeued.found.map(\.id), in: connection)
        let lines = requeued.found.map {
            JobStore.Line(job: $0.id.text, account: $0.accountID.text, attempt: $0.attempt)
        }
        notify(try await store.append("rescued", to: lines, at: now, in: connection), in: connection)
        let gaveUp = JobFailure(
            code: .tooManyAttempts, detail: "Every worker that took the job died. The credits were returned.")
        let exhausted = try await store.jobs(report.exhausted, in: connection)
        for job in exhausted.found where !job.state.hasEnded {
            try await end(
                job, as: JobEnding(state: .failed, failure: gaveUp), attempt: job.attempt, event: "failed", at: now,
                in: connection)
        }
        let canceled = try await store.jobs(report.canceled, in: connection)
        for job in canceled.found where !job.state.hasEnded {
            try await end(
                job, as: JobEnding(state: .canceled), attempt: job.attempt, event: "canceled", at: now, in: connection)
        }
        return refusals + exhausted.missing + canceled.missing
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
