internal import Core
internal import Glibc

/// A folder for files being written by somebody who wants paths; it removes itself with all that is still in it.
public final class StagedFolder: Sendable {
    public let path: String
    private let files: any BlobFiles

    init(path: String, files: any BlobFiles) {
        self.path = path
        self.files = files
    }

    deinit { Self.remove(path) }

    /// A finished file of the folder, ready for `BlobStore.put`.
    public func file(named name: String) throws(BlobError) -> StagedFile {
        let path = self.path + "/" + name
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw BlobError.failure(of: "open") }
        return StagedFile(path: path, descriptor: descriptor, files: files)
    }

    /// Removes a folder of plain files. What cannot be removed now is removed when the store is next opened.
    static func remove(_ path: String) {
        for name in LocalBlobStore.names(in: path) { unlink(path + "/" + name) }
        rmdir(path)
    }
}
