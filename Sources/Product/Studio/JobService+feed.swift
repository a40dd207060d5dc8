public import Core
internal import Database

/// What a client reads that follows all jobs of an account.
extension JobService {
    /// The kinds of events that end a job.
    private static let endings: Set<String> = ["settled", "failed", "canceled"]

    /// The position of the account's last event; 0 before the first.
    public func feedEnd(of account: AccountID) async throws(JobError) -> Int64 {
        let store = store
        return try await read { try await store.feedEnd(of: account, in: $0) }
    }

    /// The account's next events after a position, at most `limit`, all of one moment.
    public func feed(
        of account: AccountID, after position: Int64, limit: Int
    ) async throws(JobError) -> [FeedEntry] {
        let store = store
        return try await read { connection in
            var entries = try await store.feed(of: account, after: position, limit: limit, in: connection)
            for (index, entry) in entries.enumerated() where Self.endings.contains(entry.event.kind) {
                entries[index].endedJob = try await store.job(entry.jobID, in: connection)
            }
            return entries
        }
    }
}
