internal import Core
internal import Glibc

/// A file being written. It removes itself with its last reference unless it became a blob.
public final class StagedFile: Sendable {
    public let path: String
    let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
        // After `put` the name is gone already and ENOENT is right.
        unlink(path)
    }

    /// Appends all of `bytes`; blocks on the disk.
    public func append(_ bytes: [UInt8]) throws(BlobError) {
        var offset = 0
        while offset < bytes.count {
            // SAFETY: the buffer is only read, within its bounds, during the call.
            let written = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw BlobError.failure(of: "write")
            }
            offset += written
        }
    }
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
