internal import Glibc
internal import HTTP
internal import Reactor

/// What waits to be sent on one connection, in order: bytes in memory and pieces of files.
struct OutputQueue: ~Copyable {
    private enum Segment {
        case bytes([UInt8], offset: Int)
        case file(any FileDescriptorOwner, offset: Int, remaining: Int)
    }

    enum Progress: Equatable {
        case empty
        /// The socket takes no more now.
        case blocked
        /// This turn's share is sent, more waits.
        case yielded
        /// A file ended before its announced length: the response cannot be completed.
        case fileTruncated
    }

    /// Smaller pieces are copied behind one another, so that a head and its body leave in one call.
    static let coalescedBytesMax = 16 << 10

    /// A queue that never runs empty, as a busy WebSocket's, keeps no more than this of what it has sent, or as much
    /// as it still has to send.
    private static let sentSegmentsMax = 64

    private var segments: [Segment] = []
    private var head = 0
    /// Bytes in memory; a file's are not.
    private(set) var byteCount = 0

    var isEmpty: Bool { head == segments.count }

    mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        byteCount += bytes.count
        if head < segments.count, case .bytes(var last, let offset) = segments[segments.count - 1],
            last.count + bytes.count <= Self.coalescedBytesMax
        {
            // Taken out first: two owners would make the append copy everything.
            segments[segments.count - 1] = .bytes([], offset: 0)
            last.append(contentsOf: bytes)
            segments[segments.count - 1] = .bytes(last, offset: offset)
        } else {
            segments.append(.bytes(bytes, offset: 0))
        }
    }

    mutating func append(file: any FileDescriptorOwner, offset: Int, length: Int) {
        if length > 0 { segments.append(.file(file, offset: offset, remaining: length)) }
    }

    mutating func removeAll() {
        segments = []
        head = 0
        byteCount = 0
    }

    /// Sends until nothing is left, the socket is full, or about `turnMax` bytes have gone.
    /// - Returns: how it ended, and the bytes sent.
    mutating func send(
        to transport: inout Transport, sliceMax: Int, turnMax: Int
    ) throws(SystemCallError) -> (progress: Progress, sent: Int) {
        var sent = 0
        while head < segments.count {
            guard sent < turnMax else { return (.yielded, sent) }
            switch segments[head] {
            case .bytes(let bytes, let offset):
                let isLast = head + 1 == segments.count
                let transfer = try Self.write(bytes, from: offset, to: &transport, more: !isLast)
                guard case .bytes(let count) = transfer else { return (.blocked, sent) }
                sent += count
                byteCount -= count
                if offset + count == bytes.count {
                    advance()
                } else {
                    segments[head] = .bytes(bytes, offset: offset + count)
                }
            case .file(let file, let offset, let remaining):
                let slice = min(remaining, sliceMax)
                Self.readAhead(file.descriptor, offset: offset + slice, count: min(remaining - slice, sliceMax))
                let transfer = try transport.send(file: file.descriptor, offset: offset, count: slice)
                guard case .bytes(let count) = transfer else { return (.blocked, sent) }
                guard count > 0 else { return (.fileTruncated, sent) }
                sent += count
                if count == remaining {
                    advance()
                } else {
                    segments[head] = .file(file, offset: offset + count, remaining: remaining - count)
                }
            }
        }
        return (.empty, sent)
    }

    private mutating func advance() {
        segments[head] = .bytes([], offset: 0)
        head += 1
        if head == segments.count {
            segments.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= Self.sentSegmentsMax, head * 2 >= segments.count {
            segments.removeFirst(head)
            head = 0
        }
    }

    static func write(
        _ bytes: [UInt8], from offset: Int, to transport: inout Transport, more: Bool
    ) throws(SystemCallError) -> Transfer {
        // withUnsafeBytes rethrows untyped; the result carries the typed error over.
        let result: Result<Transfer, SystemCallError> = bytes.withUnsafeBytes { all in
            do throws(SystemCallError) {
                return .success(try transport.write(UnsafeRawBufferPointer(rebasing: all[offset...]), more: more))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Why sendfile(2) may run on a loop: files are on a local disk, a slice is bounded, and while one slice leaves,
    /// the kernel already reads the next. A cold page costs the loop one disk read, not a wait on a peer.
    private static func readAhead(_ descriptor: Int32, offset: Int, count: Int) {
        if count > 0 { posix_fadvise(descriptor, off_t(offset), off_t(count), POSIX_FADV_WILLNEED) }
    }
}
