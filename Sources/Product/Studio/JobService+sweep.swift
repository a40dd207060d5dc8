internal import Blobs
internal import Core
internal import Ledger

/// What one run of the sweeper removed.
public struct SweepReport: Hashable, Sendable {
    public var inputs = 0
    public var results = 0
    public var orphans = 0

    public var isEmpty: Bool { self == SweepReport() }
}

/// Retention: inputs go when their job ends, results when they expire, blobs that no row names after a grace.
extension JobService {
    private static let sweepBatchMax = 200

    public func sweep() async throws(JobError) -> SweepReport {
        var report = SweepReport()
        let (store, ledger) = (store, ledger)
        let now = time.now()
        _ = try await write { try await ledger.expireLots(now: now, in: $0) }
        let removable = try await read {
            try await store.removable(at: now, limit: Self.sweepBatchMax, in: $0)
        }
        for (job, blob) in removable.inputs {
            try await remove(blob)
            try await write { try await store.markInputRemoved(job, in: $0) }
            report.inputs += 1
        }
        for job in removable.results {
            try await removeResults(of: job, at: now)
            report.results += 1
        }
        report.orphans = try await removeOrphans(at: now)
        return report
    }

    /// Removes the input of a job that has just ended, so that nothing of the upload is left behind.
    public func removeInput(of job: Job) async throws(JobError) {
        let store = store
        try await remove(job.input.blob.id)
        try await write { try await store.markInputRemoved(job.id, in: $0) }
    }

    /// The rows go first: a row must never name a blob that is not there. A crash between leaves an orphan.
    private func removeResults(of job: JobID, at now: Timestamp) async throws(JobError) {
        let store = store
        let artifacts = try await write { connection in
            let artifacts = try await store.artifacts(of: job, in: connection)
            try await store.markResultsRemoved(job, at: now, in: connection)
            try await store.append(
                "results_removed", detail: [:], attempt: 0, to: job, at: now, in: connection)
            return artifacts
        }
        for artifact in artifacts { try await remove(artifact.blob.id) }
    }

    private func removeOrphans(at now: Timestamp) async throws(JobError) -> Int {
        let (store, blobs, grace) = (store, blobs, limits.orphanGraceSeconds)
        let old = try await onDisk { try blobs.list() }.filter { now.seconds(since: $0.madeAt) > grace }
        var removed = 0
        for blob in old {
            let isReferenced = try await read { try await store.isReferenced(blob, in: $0) }
            if !isReferenced {
                try await remove(blob)
                removed += 1
            }
        }
        return removed
    }

    func remove(_ blob: BlobID) async throws(JobError) {
        let blobs = blobs
        try await onDisk { try blobs.remove(blob) }
    }
}
