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
/// itself), `endEntry()`; then `finish()`. Programmer errors in that order trap.
public struct ZipWriter: Sendable {
    private struct Written {
        var offset: UInt64
        var size: UInt64
        var crc32: UInt32
    }

    private let entries: [ZipEntry]
    private var written: [Written] = []
    private var offset: UInt64 = 0
    private var isOpen = false
    private var size: UInt64 = 0
    private var checksum = CRC32()
    private var isTrusted = false

    private static let nameBytesMax = 1024
    private static let largest32: UInt64 = 0xFFFF_FFFF
    private static let localBytes: UInt64 = 30
    private static let centralBytes: UInt64 = 46
    private static let endBytes: UInt64 = 22
    private static let end64Bytes: UInt64 = 56 + 20

    /// - Throws: `invalidName` for what is empty, absolute, climbs out (`..`), holds a backslash or a control
    ///   character, or is longer than 1024 bytes; `duplicateName`.
    public init(entries: [ZipEntry]) throws(ZipError) {
        var seen: Set<String> = []
        for entry in entries {
            let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
            let isClean = entry.name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x5C && $0 != 0x7F }
            guard isClean, entry.name.utf8.count <= Self.nameBytesMax,
                parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
            else { throw .invalidName(entry.name) }
            guard seen.insert(entry.name).inserted else { throw .duplicateName(entry.name) }
        }
        self.entries = entries
    }

    /// The archive's exact size, for Content-Length; nil when an entry's size is unknown.
    public var totalBytes: UInt64? {
        var offset: UInt64 = 0
        var directory: UInt64 = 0
        for entry in entries {
            guard let size = entry.size else { return nil }
            let name = UInt64(entry.name.utf8.count)
            directory += Self.centralBytes + name + Self.centralExtra(size: size, offset: offset)
            offset += Self.localBytes + name + (Self.isLarge(entry) ? 20 : 0) + size + Self.descriptorBytes(entry)
        }
        return offset + directory + Self.endBytes
            + (Self.needsEnd64(count: entries.count, directory: directory, offset: offset) ? Self.end64Bytes : 0)
    }

    /// The next entry's local header.
    public mutating func beginEntry() -> [UInt8] {
        precondition(!isOpen && written.count < entries.count, "no entry to begin")
        let entry = entries[written.count]
        isOpen = true
        size = 0
        checksum = CRC32()
        isTrusted = false
        let isLarge = Self.isLarge(entry)
        let isKnown = entry.size != nil && entry.crc32 != nil
        let announced = isKnown ? entry.size ?? 0 : 0
        var header = LittleEndianFields()
        header.put32(0x0403_4B50)
        header.put16(isLarge ? 45 : 20)
        Self.putCommon(entry, crc32: isKnown ? entry.crc32 ?? 0 : 0, &header)
        header.put32(isLarge ? Self.largest32 : announced)
        header.put32(isLarge ? Self.largest32 : announced)
        header.put16(entry.name.utf8.count)
        header.put16(isLarge ? 20 : 0)
        header.tag(entry.name)
        if isLarge {
            header.put16(1)
            header.put16(16)
            header.put64(announced)
            header.put64(announced)
        }
        written.append(Written(offset: offset, size: 0, crc32: 0))
        offset += UInt64(header.bytes.count)
        return header.bytes
    }

    /// Counts and checksums a piece of the current entry's data.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        precondition(isOpen, "no entry is open")
        size += UInt64(bytes.count)
        checksum.update(bytes)
    }

    /// Counts data of an entry with a known checksum without looking at it: for what the kernel sends (sendfile).
    public mutating func pass(byteCount: UInt64) {
        precondition(isOpen && entries[written.count - 1].crc32 != nil, "no entry with a known checksum is open")
        size += byteCount
        isTrusted = true
    }

    /// What follows the data: empty, or a data descriptor.
    public mutating func endEntry() throws(ZipError) -> [UInt8] {
        precondition(isOpen, "no entry is open")
        let entry = entries[written.count - 1]
        if let announced = entry.size, announced != size {
            throw .wrongSize(name: entry.name, announced: announced, written: size)
        }
        let sum = isTrusted ? entry.crc32 ?? checksum.value : checksum.value
        if let announced = entry.crc32, announced != sum { throw .wrongChecksum(name: entry.name) }
        isOpen = false
        written[written.count - 1].size = size
        written[written.count - 1].crc32 = sum
        var descriptor = LittleEndianFields()
        if Self.hasDescriptor(entry) {
            descriptor.put32(0x0807_4B50)
            descriptor.put32(UInt64(sum))
            for _ in 0..<2 {
                if Self.isLarge(entry) { descriptor.put64(size) } else { descriptor.put32(size) }
            }
        }
        offset += size + UInt64(descriptor.bytes.count)
        return descriptor.bytes
    }

    /// The central directory.
    public mutating func finish() -> [UInt8] {
        precondition(!isOpen && written.count == entries.count, "entries are missing")
        var directory = LittleEndianFields()
        for (entry, written) in zip(entries, written) { Self.putCentral(entry, written, &directory) }
        let byteCount = UInt64(directory.bytes.count)
        if Self.needsEnd64(count: entries.count, directory: byteCount, offset: offset) {
            Self.putEnd64(count: entries.count, directory: byteCount, offset: offset, &directory)
        }
        directory.put32(0x0605_4B50)
        directory.put32(0)
        for _ in 0..<2 { directory.put16(min(entries.count, 0xFFFF)) }
        directory.put32(min(byteCount, Self.largest32))
        directory.put32(min(offset, Self.largest32))
        directory.put16(0)
        return directory.bytes
    }

    /// Whether the entry's sizes take 64 bits: an unknown size might.
    private static func isLarge(_ entry: ZipEntry) -> Bool { entry.size.map { $0 >= largest32 } ?? true }

    private static func hasDescriptor(_ entry: ZipEntry) -> Bool { entry.size == nil || entry.crc32 == nil }

    private static func descriptorBytes(_ entry: ZipEntry) -> UInt64 {
        hasDescriptor(entry) ? (isLarge(entry) ? 24 : 16) : 0
    }

    private static func centralExtra(size: UInt64, offset: UInt64) -> UInt64 {
        let fields: UInt64 = (size >= largest32 ? 2 : 0) + (offset >= largest32 ? 1 : 0)
        return fields == 0 ? 0 : 4 + 8 * fields
    }

    private static func needsEnd64(count: Int, directory: UInt64, offset: UInt64) -> Bool {
        count >= 0xFFFF || directory >= largest32 || offset >= largest32
    }

    /// Flags (UTF-8 name, descriptor), method (stored), time, checksum: alike in both headers.
    private static func putCommon(_ entry: ZipEntry, crc32: UInt32, _ header: inout LittleEndianFields) {
        header.put16(0x0800 | (hasDescriptor(entry) ? 0x0008 : 0))
        header.put16(0)
        let (time, date) = stamp(entry.modified)
        header.put16(time)
        header.put16(date)
        header.put32(UInt64(crc32))
    }

    private static func putCentral(_ entry: ZipEntry, _ written: Written, _ directory: inout LittleEndianFields) {
        let extra = centralExtra(size: written.size, offset: written.offset)
        directory.put32(0x0201_4B50)
        // Made on Unix, so that the permissions below are read.
        directory.put16(3 << 8 | 45)
        directory.put16(isLarge(entry) || extra > 0 ? 45 : 20)
        putCommon(entry, crc32: written.crc32, &directory)
        for _ in 0..<2 { directory.put32(min(written.size, largest32)) }
        directory.put16(entry.name.utf8.count)
        directory.put16(Int(extra))
        for _ in 0..<3 { directory.put16(0) }
        directory.put32(0o100644 << 16)
        directory.put32(min(written.offset, largest32))
        directory.tag(entry.name)
        guard extra > 0 else { return }
        directory.put16(1)
        directory.put16(Int(extra) - 4)
        if written.size >= largest32 { for _ in 0..<2 { directory.put64(written.size) } }
        if written.offset >= largest32 { directory.put64(written.offset) }
    }

    private static func putEnd64(count: Int, directory: UInt64, offset: UInt64, _ fields: inout LittleEndianFields) {
        fields.put32(0x0606_4B50)
        fields.put64(44)
        for _ in 0..<2 { fields.put16(45) }
        for _ in 0..<2 { fields.put32(0) }
        for _ in 0..<2 { fields.put64(UInt64(count)) }
        fields.put64(directory)
        fields.put64(offset)
        fields.put32(0x0706_4B50)
        fields.put32(0)
        fields.put64(offset + directory)
        fields.put32(1)
    }

    /// MS-DOS time and date; years outside 1980 … 2107 are held at the nearest end.
    private static func stamp(_ time: Timestamp) -> (time: Int, date: Int) {
        let seconds = min(max(time.milliseconds / 1000, 315_532_800), 4_354_819_198)
        let date = CivilDate(daysSinceEpoch: seconds / 86_400)
        let ofDay = Int(seconds % 86_400)
        return (
            (ofDay / 3600) << 11 | (ofDay / 60 % 60) << 5 | ofDay % 60 / 2,
            (Int(date.year) - 1980) << 9 | Int(date.month) << 5 | Int(date.day)
        )
    }
}
