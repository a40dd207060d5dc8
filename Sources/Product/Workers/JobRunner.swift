public import Blobs
public import Core
public import JobQueue
public import Studio
public import Telemetry

/// What the engine of a service made of an input.
public struct ServiceResult: Sendable {
    public var artifacts: [Artifact]
    public var notes: [String]

    public init(artifacts: [Artifact], notes: [String]) {
        self.artifacts = artifacts
        self.notes = notes
    }
}

/// Why an engine's run ended without a result.
public enum ServiceFailure: Error, Sendable {
    /// The flag was raised; the claim knows why.
    case canceled
    /// - Parameters:
    ///   - cause: for the log, `nil` where the detail says it all.
    ///   - isTransient: the same work may succeed when tried again.
    case failed(JobFailure, cause: String?, isTransient: Bool)
}

/// Tells the job's owner how far a run is. Called from the engine's thread; never blocks.
public protocol ServiceProgress: Sendable {
    func reached(_ fraction: Double, step: String)
    /// A stage of the attempt is done: one line of the timeline.
    func finished(stage: String, detail: JSON)
}

/// Runs the jobs of one service: input in, artefacts out, blocking, on one of the workers' threads.
public protocol ServiceRunner: Sendable {
    func run(
        _ job: Job, input: OpenFile, blobs: any BlobStore, progress: any ServiceProgress,
        cancellation: CancellationFlag
    ) throws(ServiceFailure) -> ServiceResult
}

/// The job walk of one claim: open → run the engine → settle. What is not settled falls to the queue's rescue.
public struct JobRunner: Sendable {
    private let jobs: JobService
    private let blobs: any BlobStore
    private let runners: [String: any ServiceRunner]
    private let pool: any TaskExecutor
    private let tasks: (any TaskExecutor)?
    private let log: Logger
    private let time: any TimeSource
    private let ended: @Sendable (JobState) -> Void

    /// - Parameters:
    ///   - runners: by the service's name.
    ///   - pool: the workers' threads, at a lower priority than the loops.
    ///   - tasks: where the tasks beside the engine run; `nil`: where all do.
    ///   - ended: hears of each job that this worker settled; for metrics.
    public init(
        jobs: JobService, blobs: any BlobStore, runners: [String: any ServiceRunner], pool: any TaskExecutor,
        tasks: (any TaskExecutor)? = nil, log: Logger, time: any TimeSource,
        ended: @escaping @Sendable (JobState) -> Void
    ) {
        self.jobs = jobs
        self.blobs = blobs
        self.runners = runners
        self.pool = pool
        self.tasks = tasks
        self.log = log
        self.time = time
        self.ended = ended
    }

    public func run(_ claim: Claim, cancellation: CancellationFlag) async {
        do {
            let job = try await jobs.job(of: claim)
            log.info("job claimed", ["job": job.id.text, "attempt": claim.attempt])
            let state = try await attempt(claim, job, cancellation)
            guard let state else {
                log.warning("job lost to another worker", ["job": job.id.text, "attempt": claim.attempt])
                return
            }
            log.info("job left", ["job": job.id.text, "attempt": claim.attempt, "state": state.rawValue])
            ended(state)
            if state.hasEnded { try await jobs.removeInput(of: job) }
        } catch {
            // Nothing is settled, or nobody knows: if it is still ours the job is taken up again. A database that was
            // away is nobody's death.
            switch error {
            case .overloaded, .outcomeUnknown: claim.leaveUnsettled()
            default: break
            }
            log.error("job not settled", ["task": claim.taskID, "error": "\(error)"])
        }
    }

    /// - Returns: the state that the job was left in; `nil` if the claim was lost.
    private func attempt(
        _ claim: Claim, _ job: Job, _ cancellation: CancellationFlag
    ) async throws(JobError) -> JobState? {
        let start = time.uptimeMilliseconds()
        let result: ServiceResult
        do throws(ServiceFailure) {
            result = try await compute(job, cancellation)
        } catch {
            switch error {
            case .canceled: return try await settled { () async throws(JobError) in try await stop(claim, job) }
            case .failed(let failure, let cause, let isTransient):
                log.warning(
                    "attempt failed",
                    ["job": job.id.text, "code": failure.code.rawValue, "cause": cause ?? failure.detail])
                return try await settled { () async throws(JobError) in
                    try await jobs.fail(claim, job: job, failure: failure, isTransient: isTransient)
                }
            }
        }
        return try await finish(claim, job, result, seconds: Double(time.uptimeMilliseconds() - start) / 1000)
    }

    private func compute(_ job: Job, _ cancellation: CancellationFlag) async throws(ServiceFailure) -> ServiceResult {
        guard let runner = runners[job.service] else {
            throw .failed(
                JobFailure(code: .unknownService, detail: "This server does not run \(job.service)."), cause: nil,
                isTransient: false)
        }
        let input: OpenFile
        do {
            input = try await jobs.openInput(of: job)
        } catch {
            throw .failed(
                JobFailure(code: .internalError, detail: "The input cannot be opened."), cause: "\(error)",
                isTransient: true)
        }
        let progress = ProgressRelay(jobs: jobs, job: job, log: log, time: time, tasks: tasks)
        let blobs = blobs
        let outcome: Result<ServiceResult, ServiceFailure>
        do {
            outcome = .success(
                try await pool.run {
                    try runner.run(job, input: input, blobs: blobs, progress: progress, cancellation: cancellation)
                })
        } catch let error as ServiceFailure {
            outcome = .failure(error)
        } catch {
            outcome = .failure(
                .failed(
                    JobFailure(code: .engineFailed, detail: "The engine failed."), cause: "\(error)",
                    isTransient: true))
        }
        await progress.drain()
        return try outcome.get()
    }

    /// Settles a success; what a lost claim leaves on the disk is removed.
    private func finish(
        _ claim: Claim, _ job: Job, _ result: ServiceResult, seconds: Double
    ) async throws(JobError) -> JobState? {
        do {
            let state = try await settled { () async throws(JobError) in
                try await jobs.finish(
                    claim, job: job, artifacts: result.artifacts, notes: job.notes + result.notes,
                    processingSeconds: seconds)
            }
            if state == nil { await discard(result) }
            return state
        } catch {
            // A job that may have completed needs its results; the sweeper knows of them otherwise.
            if case .outcomeUnknown = error { throw error }
            await discard(result)
            throw error
        }
    }

    /// How long a database that is busy or away is waited for: work that is done is not thrown away at once.
    private static let settlingPauseSeconds: [Double] = [0.2, 0.5, 1, 2, 4, 8]

    /// Again after errors that say that nothing was changed; the claim is kept alive meanwhile.
    private func settled(_ settle: () async throws(JobError) -> JobState?) async throws(JobError) -> JobState? {
        for pause in Self.settlingPauseSeconds {
            do throws(JobError) {
                return try await settle()
            } catch {
                guard case .overloaded = error else { throw error }
                await time.pause(seconds: pause)
            }
        }
        return try await settle()
    }

    private func discard(_ result: ServiceResult) async {
        let blobs = blobs
        for artifact in result.artifacts {
            do {
                try await pool.run { try blobs.remove(artifact.blob.id) }
            } catch {
                log.warning("artifact not removed; the sweeper will", ["blob": artifact.blob.id.text])
            }
        }
    }

    /// Settles a run that was told to stop, by the reason it was told.
    private func stop(_ claim: Claim, _ job: Job) async throws(JobError) -> JobState? {
        switch claim.stopReason {
        case .cancelRequested: return try await jobs.cancelClaimed(claim, job: job)
        case .deadline:
            let limit = Int(jobs.deadlineSeconds(claim))
            let failure = JobFailure(
                code: .deadlineExceeded, detail: "The job took longer than \(limit) seconds and was stopped.")
            return try await jobs.fail(claim, job: job, failure: failure, isTransient: false)
        case .shutdown: return try await jobs.handBack(claim, job: job)
        case .lost, nil: return nil
        }
    }
}
