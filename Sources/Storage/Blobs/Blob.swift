public import Core

public enum BlobKind: IdentifierKind { public static let prefix = "blob" }
public typealias BlobID = Identifier<BlobKind>

/// A stored, immutable file: its name in the store, its size and its content's hash.
public struct Blob: Hashable, Sendable {
    public var id: BlobID
    public var byteCount: Int64
    /// SHA-256 of the content, 64 lower-case hexadecimal digits.
    public var sha256: String

    public init(id: BlobID, byteCount: Int64, sha256: String) {
        self.id = id
        self.byteCount = byteCount
        self.sha256 = sha256
    }
}

public enum BlobError: Error, Hashable, Sendable {
    /// ENOSPC or EDQUOT: nothing of the file is left behind.
    case full
    case notFound
    /// Any other failure of the operating system, with the call that failed.
    case system(call: String, errno: Int32)
}
