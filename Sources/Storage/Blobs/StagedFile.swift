internal import Core
internal import Glibc

/// A file being written. It removes itself with its last reference unless it became a blob.
public final class StagedFile: Sendable {
    public let path: String
    let descriptor: Int32
    private let files: any BlobFiles

    init(path: String, descriptor: Int32, files: any BlobFiles) {
        self.path = path
        self.descriptor = descriptor
        self.files = files
    }

    deinit {
        close(descriptor)
        // After `put` the name is gone already and ENOENT is right.
        unlink(path)
    }

    /// Appends all of `bytes`; blocks on the disk.
    public func append(_ bytes: [UInt8]) throws(BlobError) { try files.write(bytes, to: descriptor) }
}

extension BlobError {
    static func failure(of call: String) -> BlobError {
        switch errno {
        case ENOSPC, EDQUOT: .full
        case ENOENT: .notFound
        case let code: .system(call: call, errno: code)
        }
    }
}
