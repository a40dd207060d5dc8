internal import Blobs

/// A file on its way in: streamed to the disk, not yet a job's, removed with its last reference unless it becomes
/// one.
public final class InputUpload: Sendable {
    let file: StagedFile
    private let service: JobService

    init(_ file: StagedFile, service: JobService) {
        self.file = file
        self.service = service
    }

    /// Appends `bytes`, off the caller's executor; returns when the operating system has taken them.
    public func append(_ bytes: [UInt8]) async throws(JobError) {
        let file = file
        try await service.onDisk { try file.append(bytes) }
    }
}

extension JobService {
    /// A file to stream an upload into.
    public func stageInput() async throws(JobError) -> InputUpload {
        let blobs = blobs
        return InputUpload(try await onDisk { try blobs.stage() }, service: self)
    }
}
