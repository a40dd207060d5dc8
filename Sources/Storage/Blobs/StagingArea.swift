internal import Core
internal import Glibc

/// A process's own folder for files that are being written, `staging/<id>`: several processes may share a store. What
/// a dead one left is removed when another opens the store, which finds its lock free, however it died.
final class StagingArea: Sendable {
    let path: String
    private let lock: Int32

    /// - Parameter parent: the folder of all areas; it must exist.
    init(in parent: String, at now: Timestamp) throws(BlobError) {
        // One process at a time makes its area and looks at the others: none is seen half made.
        let gate = try Self.open(parent + "/" + Self.gateName, O_CREAT)
        defer { close(gate) }
        guard flock(gate, LOCK_EX) == 0 else { throw BlobError.failure(of: "flock") }
        Self.removeDead(in: parent)
        path = parent + "/" + BlobID(at: now).text
        lock = try Self.open(path + Self.lockSuffix, O_CREAT | O_EXCL)
        guard flock(lock, LOCK_EX | LOCK_NB) == 0, mkdir(path, 0o700) == 0 else {
            // What was made is taken back by deinit: every property is set.
            throw BlobError.failure(of: "mkdir")
        }
    }

    deinit {
        Self.remove(path)
        unlink(path + Self.lockSuffix)
        close(lock)
    }

    private static let gateName = "gate"
    private static let lockSuffix = ".lock"

    private static func removeDead(in parent: String) {
        let names = LocalBlobStore.names(in: parent)
        for name in names where name.hasSuffix(lockSuffix) {
            guard let lock = try? open(parent + "/" + name, 0) else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 {
                remove(parent + "/" + name.dropLast(lockSuffix.count))
                unlink(parent + "/" + name)
            }
            close(lock)
        }
        // What stands beside no lock was never anybody's.
        for name in names where !name.hasSuffix(lockSuffix) && name != gateName && !names.contains(name + lockSuffix) {
            remove(parent + "/" + name)
        }
    }

    /// A file, or a folder of files and of folders of files.
    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in LocalBlobStore.names(in: path) where unlink(path + "/" + name) != 0 {
            StagedFolder.remove(path + "/" + name)
        }
        rmdir(path)
    }

    private static func open(_ path: String, _ flags: Int32) throws(BlobError) -> Int32 {
        let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC | flags, 0o600)
        guard descriptor >= 0 else { throw BlobError.failure(of: "open") }
        return descriptor
    }
}
