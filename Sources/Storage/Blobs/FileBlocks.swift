internal import Core
internal import Glibc

/// Reads a file from its start in blocks of a fixed size.
enum FileBlocks {
    private static let blockBytes = 1 << 18

    /// Hands each block to `body`; returns the number of bytes.
    @discardableResult
    static func forEach(
        of descriptor: Int32, unless flag: CancellationFlag?, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(BlobError) -> Int64 {
        var block = [UInt8](repeating: 0, count: blockBytes)
        var offset = 0
        while true {
            if flag?.isRaised == true { throw .canceled }
            // SAFETY: pread writes at most the buffer's count into it.
            let count = block.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, offset) }
            if count < 0 {
                if errno == EINTR { continue }
                throw BlobError.failure(of: "pread")
            }
            if count == 0 { return Int64(offset) }
            block.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += count
        }
    }
}
