import API
import Accounts
import Blobs
import Core
import Database
import HTTP
import JobQueue
import Ledger
import Studio
import Support
import Telemetry
import Testing
import Workers

/// Answers inspections with what the test wants, so that no media is needed to test the rules of jobs.
struct ScriptedInspector: InputInspector {
    var answer: Result<InputProperties, JobError>

    func inspect(path: String) async throws(JobError) -> InputProperties { try answer.get() }
}

/// A studio on a database and a blob store of its own, without sockets, workers or engines.
struct StudioFixture {
    static let stems = ["vocals", "accompaniment"]

    let directory = TemporaryDirectory()
    let time: ManualTime
    private let scratch: ScratchDatabase?
    let database: any SQLDatabase
    let ledger: CreditLedger
    let queue: TaskQueue
    let blobs: LocalBlobStore
    let jobs: JobService
    let accounts: AccountService
    let hub = JobEventHub()

    init(
        inputSeconds: Double = 180, time: ManualTime = ManualTime(),
        inspection: Result<InputProperties, JobError>? = nil,
        queueLimits: QueueLimits = QueueLimits(), limits: JobLimits = JobLimits(), service: Service = Self.separation,
        on database: (any SQLDatabase)? = nil
    ) async throws {
        self.time = time
        if let database {
            self.database = database
            scratch = nil
        } else {
            let fresh = try await ScratchDatabase.open(time: time)
            self.database = fresh.database
            scratch = fresh
        }
        let database = self.database
        ledger = CreditLedger(time: time)
        queue = TaskQueue(time: time, limits: queueLimits)
        blobs = try LocalBlobStore(root: directory.path + "/data")
        let properties = InputProperties(
            container: "wav", codec: "pcm_s16le", durationSeconds: inputSeconds, sampleRate: 44_100, channelCount: 2)
        jobs = JobService(
            database: database, ledger: ledger, queue: queue, blobs: blobs,
            disk: BlockingPool(name: "disk", threads: 1), services: [service], limits: limits,
            inspector: ScriptedInspector(answer: inspection ?? .success(properties)), hub: hub, time: time,
            wakeWorkers: {})
        accounts = AccountService(database: database, time: time)
    }

    static let separation = Service(
        name: "separation",
        models: [
            ServiceModel(id: "spleeter-2stems", stems: stems, isInstalled: { true }),
            ServiceModel(id: "absent", stems: stems, isInstalled: { false }),
        ],
        options: [
            OptionField("stems", .stems, default: .null),
            OptionField("residual", .flag, default: false),
            OptionField("format", .choice(["wav16", "flac"]), default: "wav16"),
            OptionField("overlap", .number(0...0.5), default: 0.0),
            OptionField("shifts", .wholeNumber(1...4), default: 1),
        ],
        price: ServicePrice())

    /// An account with so many credits.
    func account(credits: Int64, email: String = "someone@example.org") async throws -> AccountID {
        let id = AccountID(at: time.now())
        let ledger = ledger
        try await database.write { connection in
            try await ledger.openAccount(id, email: email, in: connection)
            if let amount = CreditAmount(credits) {
                try await ledger.grant(
                    amount, to: id, source: .trial, reference: "trial", expiresAt: nil, in: connection)
            }
        }
        return id
    }

    func submission(
        _ account: AccountID, content: String = "audio", options: JSON? = nil, key: String? = nil,
        service: String = "separation"
    ) async throws -> Submission {
        let file = try await jobs.stageInput(for: account, byteCount: 0)
        try await file.append(Array(content.utf8), after: 0)
        return Submission(
            accountID: account, service: service, options: options, fileName: "song.wav", file: file,
            idempotencyKey: key)
    }

    /// Submits a job and returns it.
    func submit(_ account: AccountID, content: String = "audio") async throws -> Job {
        try await jobs.submit(try await submission(account, content: content)).job
    }

    /// Claims the next job as a worker does.
    func claim(worker: WorkerIdentity = .current()) async throws -> Claim {
        let (queue, jobs) = (queue, jobs)
        let claims = try await database.write { connection in
            let claims = try await queue.claim(
                worker: worker, kinds: [JobService.taskKind], limit: 1, in: connection)
            let refusals = try await jobs.claimed(claims, in: connection)
            #expect(refusals == [])
            return claims
        }
        return try #require(claims.first)
    }

    /// An artefact with a blob of its own.
    func artifact(_ name: String, content: String = "stem") throws -> Artifact {
        let file = try blobs.stage()
        try file.append(Array(content.utf8))
        return Artifact(
            name: name, blob: try blobs.put(file, at: time.now()), mediaType: "audio/wav")
    }

    func balance(_ account: AccountID) async throws -> Balance { try await jobs.balance(of: account) }

    func discrepancies() async throws -> [LedgerDiscrepancy] {
        let ledger = ledger
        return try await database.read { try await ledger.verify(in: $0) }
    }

    func kinds(_ job: JobID, of account: AccountID) async throws -> [String] {
        try await jobs.detail(job, of: account).events.map(\.kind)
    }
}
