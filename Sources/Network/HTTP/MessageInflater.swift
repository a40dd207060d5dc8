internal import CZlib

/// Undoes permessage-deflate (RFC 7692 §7.2.2), message by message, piece by piece.
struct MessageInflater: ~Copyable {
    private static let tail: [UInt8] = [0, 0, 0xFF, 0xFF]
    private static let pieceBytesMax = 16 << 10

    private let windowBits: Int
    private let forgets: Bool
    /// `nil` until the first compressed message: a quiet connection holds no window.
    private var stream: UnsafeMutablePointer<z_stream>?
    /// The compressed data so far end a stream of their own (RFC 7692 §7.2.3.4).
    private var isAtEnd = false

    init(windowBits: Int, forgets: Bool) {
        self.windowBits = windowBits
        self.forgets = forgets
    }

    deinit {
        guard let stream else { return }
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Appends what a piece of a message's payload unfolds to.
    /// - Throws: a fault of 1009 as soon as the message is longer than `bytesMax`, of 1007 for data that are no
    ///   deflated ones.
    mutating func inflate(_ bytes: Bytes, into message: inout [UInt8], bytesMax: Int) throws(WebSocketFault) {
        let stream = try opened()
        // SAFETY: zlib only reads the input, and only during this call; it is forgotten below.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(bytes.count)
        defer { stream.pointee.next_in = nil }
        while true {
            if isAtEnd {
                guard stream.pointee.avail_in > 0 else { return }
                inflateReset(stream)
                isAtEnd = false
            }
            let (status, count) = Self.step(stream, appendingTo: &message)
            guard message.count <= bytesMax else {
                throw WebSocketFault(.messageTooBig, "The message is too long")
            }
            switch status {
            case Z_STREAM_END: isAtEnd = true
            // No progress is possible: all input is taken and all output given.
            case Z_BUF_ERROR: return
            case Z_OK: if stream.pointee.avail_in == 0, count < Self.pieceBytesMax { return }
            default: throw WebSocketFault(.invalidData, "The compressed data are malformed")
            }
        }
    }

    /// The last piece of the message has been given.
    mutating func finish(into message: inout [UInt8], bytesMax: Int) throws(WebSocketFault) {
        // The result carries the typed error over a closure that would lose its type.
        let result: Result<Void, WebSocketFault> = withUnsafeTemporaryAllocation(byteCount: 4, alignment: 1) { tail in
            tail.copyBytes(from: Self.tail)
            do throws(WebSocketFault) {
                return .success(try inflate(UnsafeRawBufferPointer(tail), into: &message, bytesMax: bytesMax))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        let stream = try opened()
        // zlib.h: bit 7 says that the last byte ended a block. Anything else is a message that was cut short.
        guard isAtEnd || stream.pointee.data_type & 128 != 0 else {
            throw WebSocketFault(.invalidData, "The compressed data end too early")
        }
        if forgets {
            inflateReset(stream)
            isAtEnd = false
        }
    }

    private static func step(
        _ stream: UnsafeMutablePointer<z_stream>, appendingTo message: inout [UInt8]
    ) -> (status: Int32, count: Int) {
        withUnsafeTemporaryAllocation(byteCount: pieceBytesMax, alignment: 16) { piece in
            // SAFETY: zlib writes at most `avail_out` bytes of the piece, which outlives the call.
            stream.pointee.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(piece.count)
            let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
            let count = piece.count - Int(stream.pointee.avail_out)
            message.append(contentsOf: UnsafeRawBufferPointer(piece)[..<count])
            stream.pointee.next_out = nil
            return (status, count)
        }
    }

    private mutating func opened() throws(WebSocketFault) -> UnsafeMutablePointer<z_stream> {
        if let stream { return stream }
        // SAFETY: zlib keeps the address of its stream, so it lives on the heap until deinit.
        let fresh = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        fresh.initialize(to: z_stream())
        guard cadenza_message_inflate_init(fresh, Int32(windowBits)) == Z_OK else {
            fresh.deallocate()
            throw WebSocketFault(.tryAgainLater, "There is no memory to decompress with")
        }
        stream = fresh
        return fresh
    }
}
