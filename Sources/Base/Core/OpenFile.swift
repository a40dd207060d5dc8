internal import Glibc

/// A regular file open for reading; it closes itself with its last reference.
public final class OpenFile: Sendable {
    public let descriptor: Int32
    /// The size when it was opened.
    public let byteCount: Int

    public struct Failure: Error, Hashable, Sendable {
        public var call: String
        public var errno: Int32
    }

    /// - Throws: `Failure` naming the system call; EISDIR for anything but a regular file.
    public init(path: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Failure(call: "open", errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let failure = Failure(call: "fstat", errno: errno)
            close(descriptor)
            throw failure
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure(call: "open", errno: EISDIR)
        }
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Up to `count` bytes from `offset`; fewer at the end of the file, none after it. Blocks on the disk.
    public func read(at offset: Int, count: Int) throws(Failure) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            repeat {
                // SAFETY: pread writes at most the buffer's capacity into it.
                let got = pread(descriptor, buffer.baseAddress, count, off_t(offset))
                initialized = max(0, got)
                failure = got < 0 ? errno : 0
            } while failure == EINTR
        }
        guard failure == 0 else { throw Failure(call: "pread", errno: failure) }
        return bytes
    }
}
