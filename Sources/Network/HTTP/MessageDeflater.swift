internal import CZlib

/// Compresses whole messages by permessage-deflate (RFC 7692 §7.2.1).
struct MessageDeflater: ~Copyable {
    /// The fastest: a server's processor is dearer than the last tenth of bandwidth.
    private static let level: Int32 = 1
    /// The empty block that a flush ends with, which the receiver adds itself.
    private static let tailCount = 4
    /// What a flush may add to zlib's own bound: a block's end, an empty block and slack.
    private static let flushBytesMax = 32

    private let windowBits: Int
    private let forgets: Bool
    private var stream: UnsafeMutablePointer<z_stream>?

    init(windowBits: Int, forgets: Bool) {
        self.windowBits = windowBits
        self.forgets = forgets
    }

    deinit { if let stream { Self.free(stream) } }

    /// The payload for a message that is not empty; `nil` if there is no memory to compress with.
    mutating func deflate(_ message: [UInt8]) -> [UInt8]? {
        guard let stream = opened() else { return nil }
        let bound = Int(deflateBound(stream, UInt(message.count))) + Self.flushBytesMax
        let payload = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            message.withUnsafeBufferPointer { input in
                // SAFETY: zlib reads the input and writes at most `avail_out` bytes, both only during this call.
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(bound)
                let status = CZlib.deflate(stream, Z_SYNC_FLUSH)
                precondition(status == Z_OK && stream.pointee.avail_in == 0, "deflate into \(bound) bytes: \(status)")
                count = bound - Int(stream.pointee.avail_out) - Self.tailCount
                stream.pointee.next_in = nil
                stream.pointee.next_out = nil
            }
        }
        // Also gives the window back: a side that remembers nothing holds nothing between messages.
        if forgets {
            Self.free(stream)
            self.stream = nil
        }
        return payload
    }

    private mutating func opened() -> UnsafeMutablePointer<z_stream>? {
        if let stream { return stream }
        // SAFETY: zlib keeps the address of its stream, so it lives on the heap until `free`.
        let fresh = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        fresh.initialize(to: z_stream())
        // A hash table as large as the window: 2^(window + 2) + 2^(memory level + 9) bytes in all.
        let memoryLevel = Int32(min(max(windowBits - 7, 1), 8))
        guard cadenza_message_deflate_init(fresh, Self.level, Int32(windowBits), memoryLevel) == Z_OK else {
            fresh.deallocate()
            return nil
        }
        stream = fresh
        return fresh
    }

    private static func free(_ stream: UnsafeMutablePointer<z_stream>) {
        deflateEnd(stream)
        stream.deallocate()
    }
}
