public import Core
internal import Synchronization

/// What a server tells the others of a job.
public enum JobNotice: Hashable, Sendable {
    /// Its timeline has moved: those who watch look into the database.
    case timelineChanged(JobID, account: AccountID)
    case progressed(JobNews.Progress, account: AccountID)
}

/// Collects what is to be told to other servers until it can be sent, of each job's progress the newest, and writes it
/// as few texts of a bounded length; reads such texts.
public final class JobRelay: Sendable {
    /// What one NOTIFY of Postgres carries is below 8,000 bytes.
    static let textBytesMax = 7800
    /// Jobs of which something waits to be told; beyond it nothing more is taken, and watchers elsewhere hear of it at
    /// their next look.
    static let jobsMax = 4096

    private struct Pending {
        var account: AccountID
        var timelineChanged = false
        var progress: JobNews.Progress?
    }

    private let pending = Mutex<[JobID: Pending]>([:])

    public init() {}

    public func add(_ notice: JobNotice) {
        pending.withLock { pending in
            switch notice {
            case .timelineChanged(let job, let account):
                guard pending[job] != nil || pending.count < Self.jobsMax else { return }
                pending[job, default: Pending(account: account)].timelineChanged = true
            case .progressed(let progress, let account):
                guard pending[progress.job] != nil || pending.count < Self.jobsMax else { return }
                pending[progress.job, default: Pending(account: account)].progress = progress
            }
        }
    }

    /// Takes what was collected, as texts for `read`.
    public func take() -> [String] {
        let taken = pending.withLock { pending in
            defer { pending = [:] }
            return pending
        }
        var texts: [String] = []
        var entries: [String] = []
        var byteCount = 2
        for (job, pending) in taken {
            let entry = Self.entry(job, pending).text
            guard entry.utf8.count + 3 <= Self.textBytesMax else { continue }
            if byteCount + entry.utf8.count + 1 > Self.textBytesMax {
                texts.append("[" + entries.joined(separator: ",") + "]")
                (entries, byteCount) = ([], 2)
            }
            entries.append(entry)
            byteCount += entry.utf8.count + 1
        }
        if !entries.isEmpty { texts.append("[" + entries.joined(separator: ",") + "]") }
        return texts
    }

    private static func entry(_ job: JobID, _ pending: Pending) -> JSON {
        var fields: [JSON] = [.string(job.text), .string(pending.account.text), .bool(pending.timelineChanged)]
        if let progress = pending.progress { fields += [.number(progress.fraction), .string(progress.step)] }
        return .array(fields)
    }

    /// The notices of a text. What cannot be read is left out: it may come from another version of this program.
    public static func read(_ text: String) -> [JobNotice] {
        guard let entries = try? JSONParser.parse(Array(text.utf8)).array else { return [] }
        return entries.flatMap { entry -> [JobNotice] in
            guard let fields = entry.array, fields.count >= 3,
                let job = fields[0].string.flatMap({ JobID(parsing: $0) }),
                let account = fields[1].string.flatMap({ AccountID(parsing: $0) })
            else { return [] }
            var notices: [JobNotice] = []
            if fields[2] == .bool(true) { notices.append(.timelineChanged(job, account: account)) }
            if fields.count >= 5, let fraction = fields[3].double, (0...1).contains(fraction),
                let step = fields[4].string
            {
                notices.append(
                    .progressed(JobNews.Progress(job: job, fraction: fraction, step: step), account: account))
            }
            return notices
        }
    }
}
