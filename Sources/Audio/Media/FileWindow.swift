internal import CLibAV
internal import Glibc

/// The input descriptor as libavformat reads it: by position, so that the descriptor's own offset stays.
final class FileWindow {
    private let descriptor: Int32
    private let byteCount: Int64
    private var position: Int64 = 0

    private static let bufferByteCount: Int32 = 1 << 16

    init(descriptor: Int32, byteCount: Int64) {
        self.descriptor = descriptor
        self.byteCount = byteCount
    }

    /// The bytes at `offset`: fewer than `count` where the file ends.
    func bytes(at offset: Int64, count: Int) -> [UInt8] {
        guard offset >= 0, offset < byteCount else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = pread(descriptor, &bytes, count, off_t(offset))
        return Array(bytes.prefix(max(0, got)))
    }

    private func read(_ buffer: UnsafeMutablePointer<UInt8>?, _ count: Int32) -> Int32 {
        let wanted = min(Int64(count), byteCount - position)
        guard wanted > 0 else { return cadenza_averror_eof() }
        let got = pread(descriptor, buffer, Int(wanted), off_t(position))
        guard got >= 0 else { return cadenza_averror(errno) }
        guard got > 0 else { return cadenza_averror_eof() }
        position += Int64(got)
        return Int32(got)
    }

    private func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        if whence & AVSEEK_SIZE != 0 { return byteCount }
        let base: Int64
        switch whence & ~AVSEEK_FORCE {
        case SEEK_SET: base = 0
        case SEEK_CUR: base = position
        case SEEK_END: base = byteCount
        default: return Int64(cadenza_averror(EINVAL))
        }
        let (target, overflow) = base.addingReportingOverflow(offset)
        guard !overflow, target >= 0 else { return Int64(cadenza_averror(EINVAL)) }
        position = target
        return target
    }

    /// A context that reads through this window and keeps it alive for the rest of the process.
    func context() -> UnsafeMutablePointer<AVIOContext>? {
        let size = Self.bufferByteCount
        guard let buffer = av_malloc(Int(size)) else { return nil }
        // SAFETY: retained for good, so the callbacks' pointer never dangles; the child ends with its file.
        let window = Unmanaged.passRetained(self).toOpaque()
        return avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), size, 0, window,
            { opaque, buffer, count in
                guard let opaque else { return cadenza_averror(EINVAL) }
                // SAFETY: `opaque` is the window retained in `context()`.
                return Unmanaged<FileWindow>.fromOpaque(opaque).takeUnretainedValue().read(buffer, count)
            }, nil,
            { opaque, offset, whence in
                guard let opaque else { return Int64(cadenza_averror(EINVAL)) }
                // SAFETY: as above.
                return Unmanaged<FileWindow>.fromOpaque(opaque).takeUnretainedValue().seek(offset, whence)
            })
    }
}
