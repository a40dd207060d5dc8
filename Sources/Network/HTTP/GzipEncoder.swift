internal import CZlib

/// Compresses one response body as it comes (RFC 1952). Holds some 260 KiB until it is finished and released.
public final class GzipEncoder {
    /// What leaves the encoder at once.
    public enum Flush: Sendable {
        /// Whatever is ready: compresses best.
        case none
        /// Everything so far, so that the reader sees it now.
        case sync
    }

    /// A good trade for text that is made per request.
    public static let levelDefault = 6

    // SAFETY: zlib's state points back to its stream, which therefore needs an address of its own; freed in deinit.
    private let stream: UnsafeMutablePointer<z_stream>
    private var isFinished = false

    /// - Parameter level: 1, fast, to 9, small; traps on another.
    public init(level: Int = levelDefault) {
        precondition((1...9).contains(level), "no such level of compression")
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 bits of window, and 16 for a gzip header and trailer.
        let status = deflateInit2_(
            stream, Int32(level), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib has no memory")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Takes the next bytes of the body and returns what is compressed by now, perhaps nothing. Traps after `finish`.
    public func append(_ bytes: [UInt8], flush: Flush = .none) -> [UInt8] {
        run(bytes, flush == .sync ? Z_SYNC_FLUSH : Z_NO_FLUSH)
    }

    /// The rest, with the checksum at its end; to be called once.
    public func finish() -> [UInt8] {
        defer { isFinished = true }
        return run([], Z_FINISH)
    }

    private func run(_ input: [UInt8], _ mode: Int32) -> [UInt8] {
        precondition(!isFinished, "the gzip stream has ended")
        precondition(input.count <= Int(UInt32.max), "more than zlib counts at once")
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(64 << 10, max(512, input.count / 2)))
        input.withUnsafeBytes { bytes in
            // SAFETY: zlib reads `avail_in` bytes and never writes there; both buffers outlive the calls.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(bytes.count)
            while true {
                let room = chunk.count
                let status = chunk.withUnsafeMutableBufferPointer { chunk in
                    stream.pointee.next_out = chunk.baseAddress
                    stream.pointee.avail_out = UInt32(room)
                    return deflate(stream, mode)
                }
                // Nothing to do is no error; anything else would be a corrupt stream.
                precondition(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR, "zlib failed")
                output += chunk[..<(room - Int(stream.pointee.avail_out))]
                if status == Z_STREAM_END || stream.pointee.avail_out > 0 { break }
            }
            stream.pointee.next_in = nil
        }
        return output
    }
}

/// The whole of `bytes` as one gzip file; the same bytes give the same file.
public func gzip(_ bytes: [UInt8], level: Int = GzipEncoder.levelDefault) -> [UInt8] {
    let encoder = GzipEncoder(level: level)
    return encoder.append(bytes) + encoder.finish()
}
