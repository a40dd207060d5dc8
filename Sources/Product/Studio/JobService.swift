public import Blobs
public import Core
public import Database
public import JobQueue
public import Ledger
internal import Secrets

/// Looks into an upload before a job is made of it, in a process of its own.
public protocol InputInspector: Sendable {
    /// - Throws: `JobError.unacceptableInput` with one of the media codes.
    func inspect(path: String) async throws(JobError) -> InputProperties
}

/// A request for a job, its file already received.
public struct Submission: Sendable {
    public var accountID: AccountID
    public var service: String
    public var options: JSON?
    public var fileName: String
    public var file: InputUpload
    public var idempotencyKey: String?

    public init(
        accountID: AccountID, service: String, options: JSON?, fileName: String, file: InputUpload,
        idempotencyKey: String?
    ) {
        self.accountID = accountID
        self.service = service
        self.options = options
        self.fileName = fileName
        self.file = file
        self.idempotencyKey = idempotencyKey
    }
}

/// What a job would cost, before anything is held.
public struct Quote: Sendable {
    public var service: String
    public var model: String
    public var options: JSON
    public var price: CreditAmount
    public var balance: Balance
}

/// The rules of jobs: what may be submitted, what it costs, how it moves from state to state.
///
/// This file holds what requests ask for; `JobService+work.swift` what workers do.
public struct JobService: Sendable {
    /// The kind under which jobs stand in the queue.
    public static let taskKind = "job"

    let database: any SQLDatabase
    let ledger: CreditLedger
    let queue: TaskQueue
    let blobs: any BlobStore
    let disk: any TaskExecutor
    public let services: [Service]
    public let limits: JobLimits
    let inspector: any InputInspector
    public let hub: JobEventHub
    let time: any TimeSource
    let wakeWorkers: @Sendable () -> Void
    let store = JobStore()
    let uploads: UploadGate

    /// - Parameters:
    ///   - disk: where file work runs, never an event loop.
    ///   - wakeWorkers: called after each commit that gives workers something to do.
    public init(
        database: any SQLDatabase, ledger: CreditLedger, queue: TaskQueue, blobs: any BlobStore, disk: any TaskExecutor,
        services: [Service], limits: JobLimits, inspector: any InputInspector, hub: JobEventHub,
        time: any TimeSource, wakeWorkers: @escaping @Sendable () -> Void
    ) {
        self.database = database
        self.ledger = ledger
        self.queue = queue
        self.blobs = blobs
        self.disk = disk
        self.services = services
        self.limits = limits
        self.inspector = inspector
        self.hub = hub
        self.time = time
        self.wakeWorkers = wakeWorkers
        uploads = UploadGate(countMax: limits.uploadsPerAccountMax)
    }

    // MARK: Prices

    public func service(named name: String) throws(JobError) -> Service {
        guard let service = services.first(where: { $0.name == name }) else { throw .unknownService(name) }
        return service
    }

    /// - Parameter inputSeconds: length of the input; 0 asks for the least price.
    public func quote(
        account: AccountID, service name: String, options: JSON?, inputSeconds: Double
    ) async throws(JobError) -> Quote {
        let service = try service(named: name)
        let options = try await check(options, of: service)
        let price = try price(of: service, inputSeconds: inputSeconds)
        let balance = try await balance(of: account)
        return Quote(
            service: name, model: options.model, options: options.canonical, price: price, balance: balance)
    }

    /// The least that a job of the service costs, and what the account has.
    public func paywall(
        account: AccountID, service name: String
    ) async throws(JobError) -> (required: CreditAmount, balance: Balance) {
        let required = try price(of: try service(named: name), inputSeconds: 0)
        return (required, try await balance(of: account))
    }

    public func balance(of account: AccountID) async throws(JobError) -> Balance {
        let ledger = ledger
        return try await read { try await ledger.balance(of: account, in: $0) }
    }

    private func price(of service: Service, inputSeconds: Double) throws(JobError) -> CreditAmount {
        guard let price = service.price.amount(inputSeconds: inputSeconds) else {
            throw .internal(cause: "price of \(service.name) for \(inputSeconds) s is out of range")
        }
        return price
    }

    // MARK: Submission

    /// Refuses, before a body is read, an account that could not pay even the least price of any service.
    /// A repeat of an earlier submission is let through whatever the balance.
    public func admit(account: AccountID, idempotencyKey: String?) async throws(JobError) {
        if let key = idempotencyKey {
            guard !key.isEmpty, key.utf8.count <= limits.idempotencyKeyBytesMax else {
                throw .invalidField(
                    name: "Idempotency-Key", reason: "must have 1 to \(limits.idempotencyKeyBytesMax) bytes")
            }
            let store = store
            let earlier = try await read { try await store.job(idempotencyKey: key, of: account, in: $0) }
            if earlier != nil { return }
        }
        let least = services.compactMap { $0.price.amount(inputSeconds: 0)?.credits }.min() ?? 1
        let available = try await balance(of: account).available
        guard available >= least else { throw .insufficientCredits(available: available, required: least) }
    }

    /// Holds the price, makes the job and enqueues it, all in one transaction.
    /// - Returns: the job, and whether it is an earlier one under the same idempotency key.
    public func submit(_ submission: Submission) async throws(JobError) -> (job: Job, isReplay: Bool) {
        let service = try service(named: submission.service)
        let options = try await check(submission.options, of: service)
        let properties = try await inspector.inspect(path: submission.file.file.path)
        let price = try price(of: service, inputSeconds: properties.durationSeconds)
        try await requireRoomForResults(of: service, options, properties)

        let blobs = blobs
        let now = time.now()
        let blob = try await onDisk { try blobs.put(submission.file.file, at: now) }
        do {
            let answer = try await insert(
                submission, options: options, properties: properties, price: price, blob: blob, at: now)
            // A replay's file is a second one; what cannot be removed now is the sweeper's.
            if answer.isReplay { try? await onDisk { try blobs.remove(blob.id) } }
            return answer
        } catch {
            // A job that may have been made needs its file; the sweeper knows of it otherwise. It also removes what
            // cannot be removed now: the first error is the one to tell.
            if case .outcomeUnknown = error { throw error }
            try? await onDisk { try blobs.remove(blob.id) }
            throw error
        }
    }

    /// Checks options off the caller's executor: whether a model is installed is read from the disk.
    public func check(_ options: JSON?, of service: Service) async throws(JobError) -> ServiceOptions {
        try await onDisk { try service.parse(options) }
    }

    private func requireRoomForResults(
        of service: Service, _ options: ServiceOptions, _ properties: InputProperties
    ) async throws(JobError) {
        let needs = service.diskNeeds(options.canonical, properties)
        guard needs.resultBytes <= limits.resultBytesMax else {
            throw .unacceptableInput(
                .resultTooLarge,
                detail: "The results would have about \(needs.resultBytes) bytes; "
                    + "at most \(limits.resultBytesMax) are kept.")
        }
        try await requireRoom(for: needs.resultBytes + needs.scratchBytes)
    }

    private func insert(
        _ submission: Submission, options: ServiceOptions, properties: InputProperties, price: CreditAmount,
        blob: Blob, at now: Timestamp
    ) async throws(JobError) -> (job: Job, isReplay: Bool) {
        do {
            return try await insertOnce(
                submission, options: options, properties: properties, price: price, blob: blob, at: now)
        } catch {
            // Another request under the same key may have come first, and taken the credits that this one lacks; or
            // this one's commit was made, and only its answer lost.
            guard let key = submission.idempotencyKey else { throw error }
            let (store, account) = (store, submission.accountID)
            let found = try? await read { try await store.job(idempotencyKey: key, of: account, in: $0) }
            guard let earlier = found ?? nil else { throw error }
            if earlier.input.blob.id == blob.id { return (earlier, false) }
            guard earlier.fingerprint == Self.fingerprint(submission.service, options, blob) else {
                throw .idempotencyKeyReused
            }
            return (earlier, true)
        }
    }

    private func insertOnce(
        _ submission: Submission, options: ServiceOptions, properties: InputProperties, price: CreditAmount,
        blob: Blob, at now: Timestamp
    ) async throws(JobError) -> (job: Job, isReplay: Bool) {
        let fingerprint = Self.fingerprint(submission.service, options, blob)
        let id = JobID(at: now)
        let (service, store, ledger, queue, wake) = (self, store, ledger, queue, wakeWorkers)
        let name = Self.displayName(submission.fileName, bytesMax: limits.inputNameBytesMax)
        return try await write { connection in
            if let key = submission.idempotencyKey,
                let earlier = try await store.job(idempotencyKey: key, of: submission.accountID, in: connection)
            {
                guard earlier.fingerprint == fingerprint else { throw JobError.idempotencyKeyReused }
                return (earlier, true)
            }
            let hold = try await ledger.hold(price, on: submission.accountID, reference: id.text, in: connection)
            let job = Job(
                id: id, accountID: submission.accountID, service: submission.service, model: options.model,
                options: options.canonical, state: .queued, price: price, holdID: hold.text,
                idempotencyKey: submission.idempotencyKey, fingerprint: fingerprint,
                input: JobInput(name: name, blob: blob, properties: properties), progress: 0, step: "queued",
                attempt: 0, failure: nil, notes: properties.notes, createdAt: now)
            try await store.insert(job, in: connection)
            try await service.record(
                "queued", detail: ["price": .integer(price.credits)], attempt: 0, of: id, at: now, in: connection)
            try await queue.enqueue(
                id.text, kind: Self.taskKind, fairnessKey: submission.accountID.text,
                payload: String(properties.durationSeconds), in: connection)
            connection.afterCommit(wake)
            return (job, false)
        }
    }

    private static func fingerprint(_ service: String, _ options: ServiceOptions, _ blob: Blob) -> String {
        let text = JSON.array([.string(service), options.canonical, .string(blob.sha256)])
        return Hexadecimal.encode(SHA256.hash(of: text.encoded))
    }

    /// The client's file name without folders and control characters, cut to a length.
    static func displayName(_ name: String, bytesMax: Int) -> String {
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        var kept = ""
        for scalar in last.unicodeScalars where scalar.value >= 0x20 && scalar.value != 0x7F {
            guard kept.utf8.count + String(scalar).utf8.count <= bytesMax else { break }
            kept.unicodeScalars.append(scalar)
        }
        return kept.isEmpty ? "upload" : kept
    }

    // MARK: Reading

    public func job(_ id: JobID, of account: AccountID) async throws(JobError) -> Job {
        let store = store
        guard let job = try await read({ try await store.job(id, of: account, in: $0) }) else {
            throw .jobNotFound
        }
        return job
    }

    /// A job with its timeline, artefacts and place in the queue, all of one moment.
    public func detail(_ id: JobID, of account: AccountID) async throws(JobError) -> JobDetail {
        let (store, queue) = (store, queue)
        return try await read { connection in
            guard let job = try await store.job(id, of: account, in: connection) else {
                throw JobError.jobNotFound
            }
            return JobDetail(
                job: job, events: try await store.events(of: id, after: 0, in: connection),
                artifacts: try await store.artifacts(of: id, in: connection),
                queuePosition: job.state == .queued ? try await queue.position(of: id.text, in: connection) : nil)
        }
    }

    public func jobs(
        of account: AccountID, state: JobState?, before cursor: JobID?, limit: Int
    ) async throws(JobError) -> [Job] {
        let store = store
        return try await read {
            try await store.jobs(of: account, state: state, before: cursor, limit: limit, in: $0)
        }
    }

    /// The job's present state and the lines of its timeline after `sequence`.
    public func events(
        of id: JobID, account: AccountID, after sequence: Int64
    ) async throws(JobError) -> (job: Job, events: [JobEvent]) {
        let store = store
        return try await read { connection in
            guard let job = try await store.job(id, of: account, in: connection) else {
                throw JobError.jobNotFound
            }
            return (job, try await store.events(of: id, after: sequence, in: connection))
        }
    }

    public func artifacts(of id: JobID, account: AccountID) async throws(JobError) -> [Artifact] {
        let detail = try await detail(id, of: account)
        guard detail.job.resultsRemovedAt == nil else { throw .artifactExpired }
        return detail.artifacts
    }

    public func open(_ artifact: Artifact) async throws(JobError) -> OpenFile {
        let blobs = blobs
        return try await onDisk { try blobs.open(artifact.blob.id) }
    }

    /// A block of an open artefact, read off the caller's executor.
    public func read(_ file: OpenFile, at offset: Int, count: Int) async throws(JobError) -> [UInt8] {
        try await onDisk { try file.read(at: offset, count: count) }
    }

    // MARK: Cancel

    /// Cancels a job: a queued one ends at once, a running one as soon as its worker sees the request.
    /// - Throws: `alreadyEnded` if it completed or failed; a canceled job is answered as it is.
    public func cancel(_ id: JobID, of account: AccountID) async throws(JobError) -> Job {
        let service = self
        let now = time.now()
        // A request may not give credits back: once the job is known to be the caller's, the server does it.
        return try await asService { connection in
            guard let job = try await service.store.job(id, of: account, in: connection) else {
                throw JobError.jobNotFound
            }
            if job.state == .canceled { return job }
            guard !job.state.hasEnded else { throw JobError.alreadyEnded(job.state) }
            switch try await service.queue.cancel(id.text, in: connection) {
            case .canceledNow:
                try await service.end(
                    job, as: JobEnding(state: .canceled), attempt: job.attempt, event: "canceled", at: now,
                    in: connection)
            case .signalled:
                let isRepeat = try await service.store.hasEvent(
                    "cancel_requested", attempt: job.attempt, of: id, in: connection)
                if isRepeat { return job }
                try await service.record("cancel_requested", attempt: job.attempt, of: id, at: now, in: connection)
                connection.afterCommit(service.wakeWorkers)
            case .alreadyEnded, .unknown:
                // It ended between the two looks.
                let last = try await service.store.job(id, in: connection) ?? job
                if last.state == .canceled { return last }
                guard !last.state.hasEnded else { throw JobError.alreadyEnded(last.state) }
                // A job that lost its task will never run: its credits can go back this way.
                try await service.end(
                    last, as: JobEnding(state: .canceled), attempt: last.attempt, event: "canceled", at: now,
                    in: connection)
            }
            return try await service.store.job(id, in: connection) ?? job
        }
    }
}

public struct JobDetail: Sendable {
    public var job: Job
    public var events: [JobEvent]
    public var artifacts: [Artifact]
    /// 1 is next; `nil` unless the job is queued.
    public var queuePosition: Int?
}
