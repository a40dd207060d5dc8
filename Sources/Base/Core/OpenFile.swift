internal import Glibc

/// Why a file could not be opened or read.
public enum OpenFileError: Error, Hashable, Sendable {
    case notFound
    /// A folder, a device, a pipe: nothing that has a length.
    case notRegular
    case failed(call: String, code: Int32)
}

/// A regular file open for reading; closes itself with its last reference. Blocks: not for event loops.
public final class OpenFile: Sendable {
    public let descriptor: Int32
    /// As of the opening.
    public let byteCount: Int
    public let modified: Timestamp

    /// - Throws: `OpenFileError`.
    public convenience init(path: String) throws(OpenFileError) {
        // Without O_NONBLOCK, opening a named pipe would wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ENOENT || errno == ENOTDIR ? .notFound : .failed(call: "open", code: errno)
        }
        try self.init(adopting: descriptor)
    }

    /// Takes over an open descriptor, which it closes also when it throws.
    /// - Throws: `OpenFileError`.
    public init(adopting descriptor: Int32) throws(OpenFileError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw .failed(call: "fstat", code: code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .notRegular
        }
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
        modified = Timestamp(
            milliseconds: Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
    }

    deinit { close(descriptor) }

    /// Up to `count` bytes from `offset`, fewer only at the end of the file.
    public func read(at offset: Int, count: Int) throws(OpenFileError) -> [UInt8] {
        var failure: OpenFileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let start = buffer.baseAddress.map { $0 + filled }
                // SAFETY: pread writes at most the rest of the buffer's capacity.
                let got = pread(descriptor, start, count - filled, off_t(offset + filled))
                if got == 0 { return }
                if got > 0 {
                    filled += got
                } else if errno != EINTR {
                    failure = .failed(call: "pread", code: errno)
                    return
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
