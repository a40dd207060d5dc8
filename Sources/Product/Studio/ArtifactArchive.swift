public import Core
internal import Blobs

/// All of a job's artefacts as one zip archive, streamed: its size is known before its first byte.
public struct ArtifactArchive: Sendable {
    /// Bytes read from the disk at a time.
    static let blockBytes = 1 << 18

    public let byteCount: Int
    private let service: JobService
    private let artifacts: [Artifact]
    private let writer: ZipWriter

    init(_ artifacts: [Artifact], madeAt: Timestamp, service: JobService) throws(JobError) {
        let entries = artifacts.map {
            ZipEntry(name: $0.name, size: UInt64($0.blob.byteCount), crc32: $0.blob.crc32, modified: madeAt)
        }
        do {
            writer = try ZipWriter(entries: entries)
        } catch {
            throw .internal(cause: "zip: \(error)")
        }
        guard let total = writer.totalBytes else { throw .internal(cause: "zip: sizes are unknown") }
        byteCount = Int(total)
        self.artifacts = artifacts
        self.service = service
    }

    /// Sends the archive piece by piece; `send` may suspend while its receiver is slow.
    /// - Throws: what `send` throws; `JobError` if a blob cannot be read or is not what was announced.
    public func send(to send: @Sendable ([UInt8]) async throws -> Void) async throws {
        var writer = writer
        for artifact in artifacts {
            try await send(writer.beginEntry())
            let file = try await service.open(artifact)
            var offset = 0
            while true {
                let block = try await service.read(file, at: offset, count: Self.blockBytes)
                if block.isEmpty { break }
                // SAFETY: the buffer is only read during the call.
                block.withUnsafeBytes { writer.update($0) }
                offset += block.count
                try await send(block)
            }
            try await send(writer.endEntry())
        }
        try await send(writer.finish())
    }
}

extension JobService {
    /// The archive of a completed job's results.
    public func archive(of id: JobID, account: AccountID) async throws(JobError) -> ArtifactArchive {
        let detail = try await detail(id, of: account)
        guard detail.job.resultsRemovedAt == nil else { throw .artifactExpired }
        guard !detail.artifacts.isEmpty else { throw .artifactNotFound }
        return try ArtifactArchive(
            detail.artifacts, madeAt: detail.job.endedAt ?? detail.job.createdAt, service: self)
    }
}
