internal import Glibc

/// A whole file mapped read-only. Installed weights are only ever replaced by rename, so the mapping keeps its size.
final class MappedFile: Sendable {
    // SAFETY: PROT_READ memory that lives until deinit; concurrent reads of it are fine.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(path: String, byteCountMax: Int) throws(CheckpointError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path: path, call: "open", errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, call: "fstat", errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unsupported("not a regular file") }
        let byteCount = Int(status.st_size)
        guard byteCount <= byteCountMax else { throw .overLimit("fileBytesMax") }
        guard byteCount > 0 else { throw .malformed(what: "the file is empty", offset: 0) }
        guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw .unreadable(path: path, call: "mmap", errno: errno)
        }
        bytes = UnsafeRawBufferPointer(start: address, count: byteCount)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
}

extension UnsafeRawBufferPointer {
    /// The little-endian integer at `offset`, `nil` where it would reach over the end.
    func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
        guard offset >= 0, offset <= count - MemoryLayout<Value>.size else { return nil }
        return Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
