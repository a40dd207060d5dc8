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
    private static let sweepBatchMax = 200
    /// Ended tasks that one transaction forgets, and how many times one run does so.
    private static let forgottenBatchTasksMax = 1000
    private static let forgottenBatchesMax = 1000

    /// Binds the blobs to the database at their first meeting.
    /// - Throws: `foreignBlobs` if either was bound to another before. Call it before the first `sweep`.
    public func claimBlobs() async throws(JobError) {
        let (store, blobs) = (store, blobs)
        let fresh = Identifier<InstanceKind>(at: time.now()).text
        let instance = try await write { try await store.instance(orWrite: fresh, in: $0) }
        guard try await onDisk({ try blobs.owner(orWrite: instance) }) == instance else { throw .foreignBlobs }
    }

    /// One run; a blob that cannot be removed is counted and left to the next one.
    public func sweep() async throws(JobError) -> SweepReport {
        var report = SweepReport()
        let (store, ledger, queue) = (store, ledger, queue)
        let now = time.now()
        let kept = now.adding(seconds: -limits.resultDays * 86_400)
        _ = try await write { connection in
            _ = try await ledger.expireLots(now: now, in: connection)
        }
        for _ in 0..<Self.forgottenBatchesMax {
            let forgotten = try await write {
                try await queue.removeEnded(before: kept, limit: Self.forgottenBatchTasksMax, in: $0)
            }
            guard forgotten == Self.forgottenBatchTasksMax else { break }
        }
        let removable = try await read {
            try await store.removable(at: now, limit: Self.sweepBatchMax, in: $0)
        }
        for (job, blob) in removable.inputs {
            await count(&report.inputs, &report.failures) { () async throws(JobError) in
                try await remove(blob)
                try await write { try await store.markInputRemoved(job, in: $0) }
            }
        }
        for job in removable.results {
            await count(&report.results, &report.failures) { () async throws(JobError) in
                try await removeResults(of: job, at: now)
            }
        }
        try await removeOrphans(at: now, into: &report)
        return report
    }

    private func count(
        _ done: inout Int, _ failed: inout Int, _ body: () async throws(JobError) -> Void
    ) async {
        do {
            try await body()
            done += 1
        } catch {
            failed += 1
        }
    }

    /// Removes the input of a job that has just ended, so that nothing of the upload is left behind.
    public func removeInput(of job: Job) async throws(JobError) {
        let store = store
        try await remove(job.input.blob.id)
        try await write { try await store.markInputRemoved(job.id, in: $0) }
    }

    /// The rows go first: a row must never name a blob that is not there. A crash between leaves an orphan.
    private func removeResults(of job: JobID, at now: Timestamp) async throws(JobError) {
        let (service, store) = (self, store)
        let artifacts = try await write { connection in
            let artifacts = try await store.artifacts(of: job, in: connection)
            try await store.markResultsRemoved(job, at: now, in: connection)
            try await service.record("results_removed", attempt: 0, of: job, at: now, in: connection)
            return artifacts
        }
        for artifact in artifacts { try await remove(artifact.blob.id) }
    }

    private func removeOrphans(at now: Timestamp, into report: inout SweepReport) async throws(JobError) {
        let (store, blobs, grace) = (store, blobs, limits.orphanGraceSeconds)
        let old = try await onDisk { try blobs.list() }.filter { now.seconds(since: $0.madeAt) > grace }
        let orphans = try await read { connection in
            var orphans: [BlobID] = []
            for blob in old where try await !store.isReferenced(blob, in: connection) { orphans.append(blob) }
            return orphans
        }
        for blob in orphans {
            await count(&report.orphans, &report.failures) { () async throws(JobError) in try await remove(blob) }
        }
    }

    func remove(_ blob: BlobID) async throws(JobError) {
        let blobs = blobs
        try await onDisk { try blobs.remove(blob) }
    }
}
