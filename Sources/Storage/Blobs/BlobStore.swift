public import Core

/// Where inputs and artefacts live. A blob appears whole or not at all and never changes.
///
/// Every call blocks on the disk: callers run them on a `BlockingPool`, never on an event loop.
public protocol BlobStore: Sendable {
    /// A new, empty file to write to before `put`; it is not yet a blob.
    func stage() throws(BlobError) -> StagedFile

    /// A new, empty folder for somebody who writes several files under names of his own.
    func stageFolder() throws(BlobError) -> StagedFolder

    /// Makes a staged file durable and visible as a blob: fsync, hash, rename, fsync of the folder.
    /// - Parameter flag: looked at for every block that is hashed.
    func put(_ file: StagedFile, at now: Timestamp, unless flag: CancellationFlag?) throws(BlobError) -> Blob

    /// The name that was written into the store when it was first used.
    /// - Parameter fresh: is written if the store has none yet.
    func owner(orWrite fresh: String) throws(BlobError) -> String

    /// Bytes that may still be written.
    func freeBytes() throws(BlobError) -> Int64

    func open(_ id: BlobID) throws(BlobError) -> OpenFile

    /// Removes the blob; a blob that is already gone is no error.
    func remove(_ id: BlobID) throws(BlobError)

    /// Every blob there is; for the sweeper that looks for orphans.
    func list() throws(BlobError) -> [BlobID]
}

extension BlobStore {
    public func put(_ file: StagedFile, at now: Timestamp) throws(BlobError) -> Blob {
        try put(file, at: now, unless: nil)
    }
}
