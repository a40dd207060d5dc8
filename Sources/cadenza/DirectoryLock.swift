import Glibc

/// Marks a data directory as one server's, for as long as this value lives or the process does, however it dies; or
/// as that of all the servers of one Postgres, which share it.
final class DirectoryLock {
    private let descriptor: Int32

    init(directory: String, isShared: Bool) throws {
        let path = directory + "/server.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure("\(path) cannot be opened: errno \(errno)", exit: .cannotCreate)
        }
        guard flock(descriptor, (isShared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
            close(descriptor)
            throw CommandFailure("another server is using \(directory)", exit: .unavailable)
        }
    }

    deinit { close(descriptor) }
}
