public import Core
internal import Synchronization

/// What there is for a watcher since it last looked. The timelines themselves are in the database; this only says
/// that one of them moved.
public struct JobNews: Hashable, Sendable {
    public struct Progress: Hashable, Sendable {
        public var job: JobID
        /// 0 … 1.
        public var fraction: Double
        public var step: String
    }

    public var timelineChanged = false
    /// It is time for a sign of life, and for a look at the database, which another server may have written to.
    public var isHeartbeat = false
    /// The newest of each job; what was between is left out.
    public var progress: [Progress] = []

    var isEmpty: Bool { !timelineChanged && !isHeartbeat && progress.isEmpty }
}

/// Wakes those who watch a job, or all jobs of an account, in this process, and hands on what happens here to whoever
/// tells other servers.
public final class JobEventHub: Sendable {
    /// Watchers of one job at one time, so that open streams cannot exhaust the server.
    public static let watchersPerJobMax = 64

    enum Subject: Hashable {
        case job(JobID)
        case account(AccountID)
    }
    private struct State {
        var watchers: [Subject: [ObjectIdentifier: JobMailbox]] = [:]
        var isClosed = false
    }
    /// Watchers of one account at one time.
    public let watchersPerAccountMax: Int
    private let told: @Sendable (JobNotice) -> Void
    private let state = Mutex(State())

    /// - Parameter told: hears of everything that happened in this process; must be quick.
    public init(watchersPerAccountMax: Int = 16, told: @escaping @Sendable (JobNotice) -> Void = { _ in }) {
        self.watchersPerAccountMax = watchersPerAccountMax
        self.told = told
    }

    /// Watches one job; `nil` if it has too many watchers, or the hub is closed.
    public func watch(_ job: JobID) -> JobWatch? { watch(.job(job), max: Self.watchersPerJobMax) }

    /// Watches all jobs of an account; `nil` if it has too many watchers, or the hub is closed.
    public func watch(_ account: AccountID) -> JobWatch? { watch(.account(account), max: watchersPerAccountMax) }

    private func watch(_ subject: Subject, max: Int) -> JobWatch? {
        let mailbox = JobMailbox()
        let isIn = state.withLock { state in
            guard !state.isClosed, state.watchers[subject, default: [:]].count < max else { return false }
            state.watchers[subject, default: [:]][ObjectIdentifier(mailbox)] = mailbox
            return true
        }
        return isIn ? JobWatch(mailbox, of: subject, in: self) : nil
    }

    /// A timeline of the account has moved.
    public func timelineChanged(of job: JobID, account: AccountID) { happened(.timelineChanged(job, account: account)) }

    public func progressed(_ fraction: Double, step: String, of job: JobID, account: AccountID) {
        happened(.progressed(JobNews.Progress(job: job, fraction: fraction, step: step), account: account))
    }

    private func happened(_ notice: JobNotice) {
        hear(notice)
        told(notice)
    }

    /// Wakes those who watch; what has come from another server is told to nobody else.
    public func hear(_ notice: JobNotice) {
        switch notice {
        case .timelineChanged(let job, let account): tell(job, account) { $0.timelineChanged = true }
        case .progressed(let progress, let account): tell(progress.job, account) { $0.add(progress) }
        }
    }

    /// Some notices of other servers may have been lost: whoever watches looks into the database.
    public func lookAgain() {
        let mailboxes = state.withLock { $0.watchers.values.flatMap(\.values) }
        for mailbox in mailboxes { mailbox.put { $0.timelineChanged = true } }
    }

    /// To be called every so many seconds.
    public func heartbeat() {
        let mailboxes = state.withLock { $0.watchers.values.flatMap(\.values) }
        for mailbox in mailboxes { mailbox.put { $0.isHeartbeat = true } }
    }

    /// Ends every watch, so that a draining server can finish its streams.
    public func close() {
        let mailboxes = state.withLock { state in
            state.isClosed = true
            return state.watchers.values.flatMap(\.values)
        }
        for mailbox in mailboxes { mailbox.end() }
    }

    private func tell(_ job: JobID, _ account: AccountID, _ change: (inout JobNews) -> Void) {
        let mailboxes = state.withLock { state in
            [Subject.job(job), .account(account)].flatMap { state.watchers[$0].map { Array($0.values) } ?? [] }
        }
        for mailbox in mailboxes { mailbox.put(change) }
    }

    fileprivate func remove(_ mailbox: JobMailbox, of subject: Subject) {
        state.withLock { state in
            state.watchers[subject]?[ObjectIdentifier(mailbox)] = nil
            if state.watchers[subject]?.isEmpty == true { state.watchers[subject] = nil }
        }
    }
}

/// One watcher's place at the hub; it leaves with its last reference.
public final class JobWatch: Sendable {
    private let mailbox: JobMailbox
    private let subject: JobEventHub.Subject
    private let hub: JobEventHub

    fileprivate init(_ mailbox: JobMailbox, of subject: JobEventHub.Subject, in hub: JobEventHub) {
        self.mailbox = mailbox
        self.subject = subject
        self.hub = hub
    }

    deinit { hub.remove(mailbox, of: subject) }

    /// What is new; waits until something is. `nil` once the watch has ended or its task was cancelled. One task at a
    /// time may wait.
    public func next() async -> JobNews? { await mailbox.take() }

    /// Wakes the watcher, for a look at the database.
    public func wake() { mailbox.put { $0.timelineChanged = true } }
}

/// Collects news for one watcher: however far it lags, what waits for it stays as small as its jobs are many.
private final class JobMailbox: Sendable {
    private struct State {
        var news = JobNews()
        var waiter: CheckedContinuation<JobNews?, Never>?
        var hasEnded = false

        /// Hands over what there is to who waits for it.
        mutating func delivery() -> (CheckedContinuation<JobNews?, Never>, JobNews?)? {
            guard hasEnded || !news.isEmpty, let waiter else { return nil }
            self.waiter = nil
            defer { news = JobNews() }
            return (waiter, hasEnded ? nil : news)
        }
    }
    private let state = Mutex(State())

    func put(_ change: (inout JobNews) -> Void) {
        deliver { change(&$0.news) }
    }

    func end() { deliver { $0.hasEnded = true } }

    func take() async -> JobNews? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                deliver { state in
                    precondition(state.waiter == nil, "two tasks wait for one watch")
                    state.waiter = waiter
                }
            }
        } onCancel: {
            end()
        }
    }

    private func deliver(_ change: (inout State) -> Void) {
        let delivery = state.withLock { state in
            change(&state)
            return state.delivery()
        }
        if let (waiter, news) = delivery { waiter.resume(returning: news) }
    }
}

extension JobNews {
    /// Jobs whose progress waits for one watcher; beyond it the oldest is forgotten.
    static let progressCountMax = 256

    fileprivate mutating func add(_ progress: Progress) {
        self.progress.removeAll { $0.job == progress.job }
        self.progress.append(progress)
        if self.progress.count > Self.progressCountMax { self.progress.removeFirst() }
    }
}
