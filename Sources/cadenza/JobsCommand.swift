import ArgumentParser
import Blobs
import Core
import Database
import JobQueue
import Studio

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Show, cancel and hurry jobs; pause and resume the queue.",
        discussion: "Works beside running servers, on the same database; all of them go by it.",
        subcommands: [List.self, Cancel.self, Retry.self, Pause.self, Resume.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the newest jobs, newest first.")
        private static let limits = 1...1000

        @OptionGroup var settings: SettingsOption
        @Option(help: "Only jobs in this state: queued, running, completed, failed or canceled.") var state: String?
        @Option(help: "Only the jobs of this account: its e-mail address or id.") var account: String?
        @Option(help: "How many at most, from 1 to 1000.") var limit = 50
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            guard Self.limits.contains(limit) else {
                throw CommandFailure("--limit is \(limit); allowed: 1 to 1000", exit: .usage)
            }
            let chosen = try state.map { name in
                guard let state = JobState(rawValue: name) else {
                    let known = JobState.allCases.map(\.rawValue).joined(separator: ", ")
                    throw CommandFailure("--state is \(name); there are \(known)", exit: .usage)
                }
                return state
            }
            try await withStore(settings) { store in
                var owner: AccountID?
                if let account { owner = try await store.account(account) }
                let jobs = try await describing { () async throws(JobError) in
                    try await store.jobDesk.overview(of: owner, state: chosen, limit: limit)
                }
                let paused = try await describing { () async throws(JobError) in
                    try await store.jobDesk.pausedSince()
                }
                let listing = JobListing(jobs: jobs, pausedSince: paused)
                print(json ? listing.json.text : listing.table)
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel a job: a waiting one at once, a running one as soon as its worker sees it.")
        @OptionGroup var settings: SettingsOption
        @Argument(help: "The job's id (job_…).") var job: String

        func run() async throws {
            let id = try JobsCommand.identifier(job)
            try await withStore(settings) { store in
                let job = try await describing { () async throws(JobError) in try await store.jobDesk.cancel(id) }
                await store.tellServers()
                print(
                    job.state.hasEnded ? "\(id) is \(job.state.rawValue)." : "\(id) runs; its worker is told to stop.")
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a job that waits for its next attempt run now.",
            discussion: "A job that has ended cannot run again: its credits were settled and its input is gone.")
        @OptionGroup var settings: SettingsOption
        @Argument(help: "The job's id (job_…).") var job: String

        func run() async throws {
            let id = try JobsCommand.identifier(job)
            try await withStore(settings) { store in
                let mayRun = try await describing { () async throws(JobError) in try await store.jobDesk.hurry(id) }
                await store.tellServers()
                print(mayRun ? "\(id) runs when it is its turn." : "\(id) runs already.")
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Start no jobs until `jobs resume`; those that run go on, and new ones are taken in.")
        @OptionGroup var settings: SettingsOption

        func run() async throws {
            try await withStore(settings) { store in
                let isNew = try await describing { () async throws(JobError) in try await store.jobDesk.pause() }
                print(isNew ? "Paused." : "It was paused already.")
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Start jobs again.")
        @OptionGroup var settings: SettingsOption

        func run() async throws {
            try await withStore(settings) { store in
                let isNew = try await describing { () async throws(JobError) in try await store.jobDesk.resume() }
                await store.tellServers()
                print(isNew ? "Resumed." : "It was not paused.")
            }
        }
    }

    static func identifier(_ text: String) throws -> JobID {
        guard let id = JobID(parsing: text) else { throw CommandFailure("\(text) is no job's id", exit: .usage) }
        return id
    }
}

/// Runs `body` with the refusals that an operator can cause in words.
private func describing<Value>(_ body: () async throws(JobError) -> Value) async throws -> Value {
    do {
        return try await body()
    } catch {
        switch error {
        case .jobNotFound: throw CommandFailure("there is no such job", exit: .noInput)
        case .alreadyEnded(let state): throw CommandFailure("the job has ended as \(state.rawValue)", exit: .badInput)
        case .overloaded: throw CommandFailure("the database is busy or cannot be reached", exit: .unavailable)
        case .internal(let cause): throw CommandFailure(cause, exit: .software)
        default: throw CommandFailure("\(error)", exit: .software)
        }
    }
}

/// What `jobs list` prints.
private struct JobListing {
    let jobs: [JobOverview]
    let pausedSince: Timestamp?

    var json: JSON {
        [
            "pausedSince": pausedSince.map { .string("\($0)") } ?? .null,
            "jobs": .array(jobs.map(Self.json)),
        ]
    }

    var table: String {
        let head = ["ID", "STATE", "ACCOUNT", "SERVICE", "ATTEMPT", "STEP", "CREATED", "NOTE"]
        let notice = pausedSince.map { ["The queue is paused since \($0)."] } ?? []
        return (notice + textTable([head] + jobs.map(Self.row))).joined(separator: "\n")
    }

    private static func row(_ overview: JobOverview) -> [String] {
        let job = overview.job
        let step = job.state == .running ? "\(job.step) \(Int(job.progress * 100)) %" : job.step
        return [
            job.id.text, job.state.rawValue, job.accountID.text, job.service, "\(job.attempt)", step,
            "\(job.createdAt)", note(overview),
        ]
    }

    private static func note(_ overview: JobOverview) -> String {
        guard !overview.job.state.hasEnded, let task = overview.task else {
            return overview.job.failure?.code.rawValue ?? ""
        }
        var notes: [String] = []
        if overview.job.state == .queued, task.failures > 0 { notes.append("next attempt \(task.runAt)") }
        if let host = task.workerHost { notes.append("on \(host)") }
        if task.isCancelRequested { notes.append("asked to stop") }
        if task.deaths > 0 { notes.append("\(task.deaths) workers died") }
        return notes.joined(separator: ", ")
    }

    private static func json(_ overview: JobOverview) -> JSON {
        let (job, task) = (overview.job, overview.task)
        return [
            "id": .string(job.id.text), "state": .string(job.state.rawValue), "account": .string(job.accountID.text),
            "service": .string(job.service), "model": .string(job.model), "credits": .integer(job.price.credits),
            "attempt": .integer(Int64(job.attempt)), "step": .string(job.step), "progress": .number(job.progress),
            "createdAt": .string("\(job.createdAt)"), "endedAt": job.endedAt.map { .string("\($0)") } ?? .null,
            "errorCode": job.failure.map { .string($0.code.rawValue) } ?? .null,
            "runAt": task.map { .string("\($0.runAt)") } ?? .null,
            "failures": task.map { .integer(Int64($0.failures)) } ?? .null,
            "deaths": task.map { .integer(Int64($0.deaths)) } ?? .null,
            "workerHost": (task?.workerHost).map { .string($0) } ?? .null,
            "leaseExpiresAt": (task?.leaseExpiresAt).map { .string("\($0)") } ?? .null,
            "isCancelRequested": .bool(task?.isCancelRequested ?? false),
        ]
    }
}

extension Store {
    /// The jobs without what only a server has: engines, and the files, which have one owner.
    fileprivate var jobDesk: JobService {
        JobService(
            database: database, ledger: ledger,
            queue: TaskQueue(time: time, limits: settings.queueLimits, clock: .database),
            blobs: NoFiles(), disk: BlockingPool(name: "disk", threads: 1), services: [], limits: settings.jobLimits,
            inspector: NoFiles(), hub: JobEventHub(), time: time, wakeWorkers: {})
    }
}

/// Stands where a server has its files: nothing that an operator does with jobs touches them.
private struct NoFiles: BlobStore, InputInspector {
    private static let refusal = BlobError.system(call: "open", errno: 1)

    func stage() throws(BlobError) -> StagedFile { throw Self.refusal }
    func stageFolder() throws(BlobError) -> StagedFolder { throw Self.refusal }
    func put(_ file: StagedFile, at now: Timestamp, unless flag: CancellationFlag?) throws(BlobError) -> Blob {
        throw Self.refusal
    }
    func owner(orWrite fresh: String) throws(BlobError) -> String { throw Self.refusal }
    func freeBytes() throws(BlobError) -> Int64 { throw Self.refusal }
    func open(_ id: BlobID) throws(BlobError) -> OpenFile { throw Self.refusal }
    func remove(_ id: BlobID) throws(BlobError) { throw Self.refusal }
    func list() throws(BlobError) -> [BlobID] { throw Self.refusal }

    func inspect(path: String) async throws(JobError) -> InputProperties { throw JobError(Self.refusal) }
}
