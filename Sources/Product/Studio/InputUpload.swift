internal import Blobs
public import Core

/// A file on its way in: streamed to the disk, not yet a job's, removed with its last reference unless it becomes
/// one.
public final class InputUpload: Sendable {
    /// Received between two looks at how much room is left.
    private static let bytesPerLook = 16 << 20

    let file: StagedFile
    private let account: AccountID
    private let service: JobService

    fileprivate init(_ file: StagedFile, account: AccountID, service: JobService) {
        self.file = file
        self.account = account
        self.service = service
    }

    deinit {
        service.uploads.leave(account)
        // Removing a large file blocks: its last reference is let go on the disk's threads, not on a loop.
        let file = file
        Task(executorPreference: service.disk) { withExtendedLifetime(file) {} }
    }

    /// Appends `bytes`, off the caller's executor; returns when the operating system has taken them.
    /// - Parameter received: bytes that came before these.
    /// - Throws: `JobError.storageFull` also where the operating system would take them, but too little would be left.
    public func append(_ bytes: [UInt8], after received: Int64) async throws(JobError) {
        let file = file
        if received / Int64(Self.bytesPerLook) != (received + Int64(bytes.count)) / Int64(Self.bytesPerLook) {
            try await service.requireRoom(for: 0)
        }
        try await service.onDisk { try file.append(bytes) }
    }
}

extension JobService {
    /// A file to stream an upload into.
    /// - Parameter byteCount: what the client says will come, 0 if it does not.
    /// - Throws: `tooManyUploads`, `storageFull`.
    public func stageInput(for account: AccountID, byteCount: Int64) async throws(JobError) -> InputUpload {
        try await requireRoom(for: byteCount)
        guard uploads.enter(account) else { throw .tooManyUploads(countMax: limits.uploadsPerAccountMax) }
        let blobs = blobs
        do {
            return InputUpload(try await onDisk { try blobs.stage() }, account: account, service: self)
        } catch {
            uploads.leave(account)
            throw error
        }
    }

    /// - Throws: `storageFull` if `byteCount` more bytes would leave less than the reserve.
    func requireRoom(for byteCount: Int64) async throws(JobError) {
        let blobs = blobs
        let free = try await onDisk { try blobs.freeBytes() }
        guard free - byteCount >= limits.diskReserveBytes else { throw .storageFull }
    }
}
