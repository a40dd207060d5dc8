internal import Glibc

/// The calls that decide what is on the disk after a failure. A simulation puts a disk that fails in their place.
public protocol BlobFiles: Sendable {
    /// Appends all of `bytes`.
    func write(_ bytes: [UInt8], to descriptor: Int32) throws(BlobError)

    /// fsync(2): the file's content is durable, its name is not yet.
    func synchronize(_ descriptor: Int32) throws(BlobError)

    /// fsync(2) of a folder: the names in it are durable.
    func synchronizeFolder(_ path: String) throws(BlobError)

    /// rename(2).
    func move(_ path: String, to target: String) throws(BlobError)

    /// unlink(2); a name that is gone is no error.
    func remove(_ path: String) throws(BlobError)

    /// mkdir(2), for its owner's eyes only; `false` if the folder is there.
    func makeFolder(_ path: String) throws(BlobError) -> Bool

    /// Bytes that may still be written.
    func freeBytes(at path: String) throws(BlobError) -> Int64
}

/// The operating system's.
public struct SystemBlobFiles: BlobFiles {
    public init() {}

    public func write(_ bytes: [UInt8], to descriptor: Int32) throws(BlobError) {
        var offset = 0
        while offset < bytes.count {
            // SAFETY: the buffer is only read, within its bounds, during the call.
            let written = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw BlobError.failure(of: "write")
            }
            offset += written
        }
    }

    public func synchronize(_ descriptor: Int32) throws(BlobError) {
        guard fsync(descriptor) == 0 else { throw BlobError.failure(of: "fsync") }
    }

    public func synchronizeFolder(_ path: String) throws(BlobError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BlobError.failure(of: "open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw BlobError.failure(of: "fsync") }
    }

    public func move(_ path: String, to target: String) throws(BlobError) {
        guard rename(path, target) == 0 else { throw BlobError.failure(of: "rename") }
    }

    public func remove(_ path: String) throws(BlobError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw BlobError.failure(of: "unlink") }
    }

    public func makeFolder(_ path: String) throws(BlobError) -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        guard errno == EEXIST else { throw BlobError.failure(of: "mkdir") }
        return false
    }

    public func freeBytes(at path: String) throws(BlobError) -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw BlobError.failure(of: "statvfs") }
        return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }
}
