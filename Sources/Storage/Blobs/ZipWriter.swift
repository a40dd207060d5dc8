public import Core

/// One file of a zip archive.
public struct ZipEntry: Sendable, Equatable {
    /// A relative path with `/`, UTF-8.
    public var name: String
    /// nil: not known yet, counted while streaming (then the archive's size is unknown too).
    public var size: UInt64?
    /// nil: computed while streaming and written behind the data.
    public var crc32: UInt32?
    /// Kept to 2 seconds, as UTC.
    public var modified: Timestamp

    public init(name: String, size: UInt64?, crc32: UInt32? = nil, modified: Timestamp) {
        self.name = name
        self.size = size
        self.crc32 = crc32
        self.modified = modified
    }
}

public enum ZipError: Error, Sendable, Equatable {
    case invalidName(String)
    case duplicateName(String)
    /// An entry's bytes are not those that were announced: the archive must be cut off.
    case wrongSize(name: String, announced: UInt64, written: UInt64)
    case wrongChecksum(name: String)
}

/// Writes a store-only zip as a stream (APPNOTE 6.3.10; ZIP64 where needed): a pure value that gives the bytes
/// between the files' own.
///
/// For each entry in order: `beginEntry()`, `update(_:)` for every piece of its data (which the caller sends
/// itself), `endEntry()`; then `finish()`.
public struct ZipWriter: Sendable {
    public init(entries: [ZipEntry]) throws(ZipError) {}

    /// The archive's exact size, for Content-Length; nil when an entry's size is unknown.
    public var totalBytes: UInt64? { nil }

    /// The next entry's local header.
    public mutating func beginEntry() -> [UInt8] { [] }

    /// Counts and checksums a piece of the current entry's data.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {}

    /// What follows the data: empty, or a data descriptor.
    public mutating func endEntry() throws(ZipError) -> [UInt8] { [] }

    /// The central directory.
    public mutating func finish() -> [UInt8] { [] }
}
