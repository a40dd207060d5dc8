public import Core
internal import Database
public import JobQueue

/// A job as its operator sees it.
public struct JobOverview: Sendable {
    public var job: Job
    /// What the queue knows of it; `nil` once that is forgotten.
    public var task: TaskStatus?
}

/// What operators do with the jobs of any account.
extension JobService {
    /// The newest jobs, newest first.
    /// - Parameters:
    ///   - account: only its jobs.
    ///   - state: only jobs in it.
    public func overview(
        of account: AccountID?, state: JobState?, limit: Int
    ) async throws(JobError) -> [JobOverview] {
        let (store, queue) = (store, queue)
        return try await read { connection in
            let jobs = try await store.newest(of: account, state: state, limit: limit, in: connection)
            let tasks = try await queue.statuses(of: jobs.map(\.id.text), in: connection)
            return jobs.map { JobOverview(job: $0, task: tasks[$0.id.text]) }
        }
    }

    /// As `cancel` of its owner.
    /// - Throws: `jobNotFound`, `alreadyEnded`.
    public func cancel(_ id: JobID) async throws(JobError) -> Job {
        let store = store
        guard let job = try await read({ try await store.job(id, in: $0) }) else { throw .jobNotFound }
        return try await cancel(id, of: job.accountID)
    }

    /// Lets a job that waits for its next attempt run now.
    /// - Throws: `jobNotFound`, `alreadyEnded`: its hold and its input are gone.
    /// - Returns: `false` if it runs already.
    public func hurry(_ id: JobID) async throws(JobError) -> Bool {
        let (store, queue, wake) = (store, queue, wakeWorkers)
        return try await write { connection in
            guard let job = try await store.job(id, in: connection) else { throw JobError.jobNotFound }
            guard !job.state.hasEnded else { throw JobError.alreadyEnded(job.state) }
            switch try await queue.hurry(id.text, in: connection) {
            case .mayRun:
                connection.afterCommit(wake)
                return true
            case .alreadyRuns: return false
            case .alreadyEnded, .unknown:
                throw JobError.internal(cause: "\(id) is \(job.state) but its task has ended")
            }
        }
    }

    /// Keeps every server of the database from starting jobs; those that run go on. `false` if it was so before.
    public func pause() async throws(JobError) -> Bool {
        let queue = queue
        return try await write { try await queue.pause(kind: Self.taskKind, in: $0) }
    }

    /// Lets the servers start jobs again. `false` if they did.
    public func resume() async throws(JobError) -> Bool {
        let (queue, wake) = (queue, wakeWorkers)
        return try await write { connection in
            connection.afterCommit(wake)
            return try await queue.resume(kind: Self.taskKind, in: connection)
        }
    }

    /// Since when no server starts jobs; `nil`: they do.
    public func pausedSince() async throws(JobError) -> Timestamp? {
        let queue = queue
        return try await read { connection in
            try await queue.pauses(in: connection).first { $0.kind == Self.taskKind }?.since
        }
    }
}

extension JobStore {
    /// Of all accounts, or one.
    func newest(
        of account: AccountID?, state: JobState?, limit: Int, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [Job] {
        try decode(
            try await connection.query(
                """
                SELECT * FROM jobs WHERE ($1 = '' OR account_id = $1) AND ($2 = '' OR state = $2)
                ORDER BY id DESC LIMIT $3
                """,
                [.text(account?.text ?? ""), .text(state?.rawValue ?? ""), .integer(Int64(limit))]))
    }
}
