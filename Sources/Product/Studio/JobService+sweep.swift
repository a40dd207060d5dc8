internal import Blobs
internal import Core
internal import JobQueue
internal import Ledger

/// What one run of the sweeper removed.
public struct SweepReport: Hashable, Sendable {
    public var inputs = 0
    public var results = 0
    public var orphans = 0
    public var failures = 0

    public var isEmpty: Bool { self == SweepReport() }
}

private enum InstanceKind: IdentifierKind { static let prefix: StaticString = "ins" }

/// Retention: inputs go when their job ends, results when they expire, blobs that no row names after a grace.
extension JobService {
    /// Jobs, blobs or rows that one transaction or one turn on the disk handles.
    private static let batchMax = 500
    private static let forgottenBatchTasksMax = 1000

    /// Binds the blobs to the database at their first meeting.
    /// - Throws: `foreignBlobs` if either was bound to another before. Call it before the first `sweep`.
    public func claimBlobs() async throws(JobError) {
        let (store, blobs) = (store, blobs)
        let fresh = Identifier<InstanceKind>(at: time.now()).text
        let instance = try await write { try await store.instance(orWrite: fresh, in: $0) }
        guard try await onDisk({ try blobs.owner(orWrite: instance) }) == instance else { throw .foreignBlobs }
    }

    /// One run, in batches until nothing is left or `limits.sweepSecondsMax` have passed: the next run goes on. A blob
    /// that cannot be removed is counted and left to that one.
    public func sweep() async throws(JobError) -> SweepReport {
        var report = SweepReport()
        let now = time.now()
        let end = time.uptimeMilliseconds() + Int64(limits.sweepSecondsMax * 1000)
        try await expireCredits(at: now, until: end)
        try await forgetTasks(before: now.adding(seconds: -limits.resultDays * 86_400), until: end)
        try await removeInputs(until: end, into: &report)
        try await removeResults(at: now, until: end, into: &report)
        try await removeOrphans(at: now, until: end, into: &report)
        return report
    }

    private func isOver(_ end: Int64) -> Bool { time.uptimeMilliseconds() >= end }

    private func expireCredits(at now: Timestamp, until end: Int64) async throws(JobError) {
        let ledger = ledger
        repeat {
            let accounts = try await write {
                try await ledger.expireLots(now: now, limit: Self.batchMax, in: $0)
            }
            guard accounts == Self.batchMax else { return }
        } while !isOver(end)
    }

    private func forgetTasks(before time: Timestamp, until end: Int64) async throws(JobError) {
        let queue = queue
        repeat {
            let forgotten = try await write {
                try await queue.removeEnded(before: time, limit: Self.forgottenBatchTasksMax, in: $0)
            }
            guard forgotten == Self.forgottenBatchTasksMax else { return }
        } while !isOver(end)
    }

    private func removeInputs(until end: Int64, into report: inout SweepReport) async throws(JobError) {
        let store = store
        var last = ""
        repeat {
            let cursor = last
            let spent = try await read { try await store.spentInputs(after: cursor, limit: Self.batchMax, in: $0) }
            guard let newest = spent.last else { return }
            last = newest.job
            // A blob whose name cannot be read is none.
            let failed = try await remove(spent.compactMap(\.blob))
            let gone = spent.filter { input in input.blob.map { !failed.contains($0) } ?? true }
            report.failures += failed.count
            report.inputs += gone.count
            if !gone.isEmpty { try await write { try await store.markInputsRemoved(gone.map(\.job), in: $0) } }
        } while !isOver(end)
    }

    /// The rows go first: a row must never name a blob that is not there. A crash between leaves orphans.
    private func removeResults(
        at now: Timestamp, until end: Int64, into report: inout SweepReport
    ) async throws(JobError) {
        let (service, store) = (self, store)
        repeat {
            let (count, found, blobs) = try await write { connection in
                let all = try await store.expired(at: now, limit: Self.batchMax, in: connection)
                let free = try await store.unheldFeeds(of: Set(all.map(\.account)), in: connection)
                let expired = all.filter { free.contains($0.account) }
                let blobs = try await store.removeArtifacts(of: expired.map(\.job), at: now, in: connection)
                let places = try await store.append("results_removed", to: expired, at: now, in: connection)
                service.notify(places, in: connection)
                return (expired.count, all.count, blobs)
            }
            report.results += count
            report.failures += try await remove(blobs).count
            guard found == Self.batchMax, count > 0 else { return }
        } while !isOver(end)
    }

    private func removeOrphans(
        at now: Timestamp, until end: Int64, into report: inout SweepReport
    ) async throws(JobError) {
        let (store, blobs, grace) = (store, blobs, limits.orphanGraceSeconds)
        let old = try await onDisk { try blobs.list() }.filter { now.seconds(since: $0.madeAt) > grace }
        var start = 0
        while start < old.count, !isOver(end) {
            let batch = Array(old[start..<min(old.count, start + Self.batchMax)])
            let orphans = try await read { try await store.unreferenced(batch, in: $0) }
            let failed = try await remove(orphans)
            report.orphans += orphans.count - failed.count
            report.failures += failed.count
            start += batch.count
        }
    }

    /// Removes blobs in one turn on the disk. Returns those that could not be removed.
    private func remove(_ ids: [BlobID]) async throws(JobError) -> Set<BlobID> {
        guard !ids.isEmpty else { return [] }
        let blobs = blobs
        return try await onDisk {
            var failed: Set<BlobID> = []
            for id in ids {
                do { try blobs.remove(id) } catch { failed.insert(id) }
            }
            return failed
        }
    }

    /// Removes the input of a job that has just ended, so that nothing of the upload is left behind.
    public func removeInput(of job: Job) async throws(JobError) {
        let store = store
        try await remove(job.input.blob.id)
        try await write { try await store.markInputRemoved(job.id, in: $0) }
    }

    func remove(_ blob: BlobID) async throws(JobError) {
        let blobs = blobs
        try await onDisk { try blobs.remove(blob) }
    }
}
