public import Core

public enum BlobKind: IdentifierKind { public static let prefix: StaticString = "blob" }
public typealias BlobID = Identifier<BlobKind>

/// A stored, immutable file: its name in the store, its size and its content's hash.
public struct Blob: Hashable, Sendable {
    public var id: BlobID
    public var byteCount: Int64
    /// SHA-256 of the content, 64 lower-case hexadecimal digits.
    public var sha256: String
    /// CRC-32 (IEEE 802.3) of the content, which a zip archive needs.
    public var crc32: UInt32

    public init(id: BlobID, byteCount: Int64, sha256: String, crc32: UInt32) {
        self.id = id
        self.byteCount = byteCount
        self.sha256 = sha256
        self.crc32 = crc32
    }
}

public enum BlobError: Error, Hashable, Sendable {
    /// ENOSPC or EDQUOT: nothing of the file is left behind.
    case full
    case notFound
    /// The caller's flag was raised: nothing was stored.
    case canceled
    /// Any other failure of the operating system, with the call that failed.
    case system(call: String, errno: Int32)
}
