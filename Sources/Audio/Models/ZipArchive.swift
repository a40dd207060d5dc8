/// Why a zip archive cannot be read.
enum ZipError: Error, Hashable {
    case malformed(what: String, offset: Int)
    case tooManyEntries
    case unsupported(String)
}

/// One file of a zip archive, as the central directory has it.
struct ZipEntry {
    var name: String
    /// 0 = stored, 8 = deflated.
    var method: UInt16
    var compressedByteCount: Int
    var byteCount: Int
    var headerOffset: Int
}

/// The directory of a zip archive in memory (PKWARE APPNOTE 6.3.10, with its 64-bit extension).
///
/// Strict where leniency has been used for attacks: one disk, no encryption, unique names, local headers that
/// agree with the directory, and entries that neither overlap nor reach into the directory.
struct ZipArchive {
    private static let endBytes = 22
    private static let commentBytesMax = 0xFFFF
    private static let directoryEntryBytes = 46
    private static let localHeaderBytes = 30

    let entries: [ZipEntry]
    /// Where each entry's content lies, by index; contents neither overlap each other nor the directory.
    let contents: [Range<Int>]
    private let indices: [String: Int]

    init(_ bytes: UnsafeRawBufferPointer, entriesMax: Int, nameBytesMax: Int) throws(ZipError) {
        let directory = try Self.directory(in: bytes)
        guard directory.entryCount <= entriesMax else { throw .tooManyEntries }
        var entries: [ZipEntry] = []
        var indices: [String: Int] = [:]
        var position = directory.range.lowerBound
        for index in 0..<directory.entryCount {
            let entry = try Self.entry(
                in: bytes, at: &position, limit: directory.range.upperBound, nameBytesMax: nameBytesMax)
            guard indices.updateValue(index, forKey: entry.name) == nil else {
                throw .malformed(what: "two entries of one name", offset: position)
            }
            entries.append(entry)
        }
        contents = try Self.contents(of: entries, in: bytes, before: directory.range.lowerBound)
        self.entries = entries
        self.indices = indices
    }

    func index(of name: String) -> Int? { indices[name] }

    private static func directory(
        in bytes: UnsafeRawBufferPointer
    ) throws(ZipError) -> (range: Range<Int>, entryCount: Int) {
        var end = bytes.count - endBytes
        let lowest = max(0, end - commentBytesMax)
        while end >= lowest, !isEnd(bytes, at: end) { end -= 1 }
        guard end >= lowest, end >= 0, let disk = bytes.integer(at: end + 4, as: UInt32.self),
            let here = bytes.integer(at: end + 8, as: UInt16.self),
            let total = bytes.integer(at: end + 10, as: UInt16.self),
            let byteCount = bytes.integer(at: end + 12, as: UInt32.self),
            let start = bytes.integer(at: end + 16, as: UInt32.self)
        else { throw .malformed(what: "no end of central directory", offset: max(0, end)) }
        guard disk == 0, here == total else { throw .unsupported("an archive in several parts") }
        if total == .max || byteCount == .max || start == .max {
            return try largeDirectory(in: bytes, end: end)
        }
        guard let range = checked(start: UInt64(start), count: UInt64(byteCount), within: end) else {
            throw .malformed(what: "central directory out of range", offset: end)
        }
        return (range, Int(total))
    }

    private static func isEnd(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        guard bytes.integer(at: offset, as: UInt32.self) == 0x0605_4B50,
            let comment = bytes.integer(at: offset + 20, as: UInt16.self)
        else { return false }
        return offset + endBytes + Int(comment) == bytes.count
    }

    private static func largeDirectory(
        in bytes: UnsafeRawBufferPointer, end: Int
    ) throws(ZipError) -> (range: Range<Int>, entryCount: Int) {
        guard bytes.integer(at: end - 20, as: UInt32.self) == 0x0706_4B50,
            let recordOffset = bytes.integer(at: end - 12, as: UInt64.self), recordOffset < UInt64(end),
            case let record = Int(recordOffset), bytes.integer(at: record, as: UInt32.self) == 0x0606_4B50,
            let total = bytes.integer(at: record + 32, as: UInt64.self),
            let byteCount = bytes.integer(at: record + 40, as: UInt64.self),
            let start = bytes.integer(at: record + 48, as: UInt64.self),
            let range = checked(start: start, count: byteCount, within: record), total <= UInt64(range.count)
        else { throw .malformed(what: "64-bit central directory", offset: end) }
        return (range, Int(total))
    }

    private static func checked(start: UInt64, count: UInt64, within limit: Int) -> Range<Int>? {
        let (end, overflow) = start.addingReportingOverflow(count)
        guard !overflow, end <= UInt64(limit) else { return nil }
        return Int(start)..<Int(end)
    }

    private static func entry(
        in bytes: UnsafeRawBufferPointer, at position: inout Int, limit: Int, nameBytesMax: Int
    ) throws(ZipError) -> ZipEntry {
        let start = position
        guard start <= limit - directoryEntryBytes, bytes.integer(at: start, as: UInt32.self) == 0x0201_4B50,
            let flags = bytes.integer(at: start + 8, as: UInt16.self),
            let method = bytes.integer(at: start + 10, as: UInt16.self),
            let compressed = bytes.integer(at: start + 20, as: UInt32.self),
            let plain = bytes.integer(at: start + 24, as: UInt32.self),
            let nameBytes = bytes.integer(at: start + 28, as: UInt16.self),
            let extraBytes = bytes.integer(at: start + 30, as: UInt16.self),
            let commentBytes = bytes.integer(at: start + 32, as: UInt16.self),
            let header = bytes.integer(at: start + 42, as: UInt32.self)
        else { throw .malformed(what: "central directory entry", offset: start) }
        guard flags & 0x2041 == 0 else { throw .unsupported("an encrypted entry") }
        let extraStart = start + directoryEntryBytes + Int(nameBytes)
        position = extraStart + Int(extraBytes) + Int(commentBytes)
        guard position <= limit, nameBytes > 0, Int(nameBytes) <= nameBytesMax,
            let name = String(
                validating: bytes[(start + directoryEntryBytes)..<extraStart], as: UTF8.self)
        else { throw .malformed(what: "entry name", offset: start) }
        var sizes = [UInt64(plain), UInt64(compressed), UInt64(header)]
        try widen(&sizes, from: bytes, extra: extraStart..<(extraStart + Int(extraBytes)))
        guard sizes[0] <= 1 << 62, sizes[1] <= UInt64(bytes.count), sizes[2] <= UInt64(bytes.count) else {
            throw .malformed(what: "entry size", offset: start)
        }
        return ZipEntry(
            name: name, method: method, compressedByteCount: Int(sizes[1]), byteCount: Int(sizes[0]),
            headerOffset: Int(sizes[2]))
    }

    /// Replaces the sizes that say "see the 64-bit extra field", in the order the field has them.
    private static func widen(
        _ sizes: inout [UInt64], from bytes: UnsafeRawBufferPointer, extra: Range<Int>
    ) throws(ZipError) {
        guard sizes.contains(UInt64(UInt32.max)) else { return }
        var position = extra.lowerBound
        while position + 4 <= extra.upperBound {
            let identifier = bytes.integer(at: position, as: UInt16.self)
            let end = position + 4 + Int(bytes.integer(at: position + 2, as: UInt16.self) ?? 0)
            guard end <= extra.upperBound else { break }
            guard identifier == 1 else {
                position = end
                continue
            }
            position += 4
            for index in sizes.indices where sizes[index] == UInt64(UInt32.max) {
                guard position + 8 <= end, let value = bytes.integer(at: position, as: UInt64.self) else {
                    throw .malformed(what: "64-bit sizes", offset: position)
                }
                sizes[index] = value
                position += 8
            }
            return
        }
        throw .malformed(what: "64-bit sizes missing", offset: extra.lowerBound)
    }

    private static func contents(
        of entries: [ZipEntry], in bytes: UnsafeRawBufferPointer, before limit: Int
    ) throws(ZipError) -> [Range<Int>] {
        var contents: [Range<Int>] = []
        for entry in entries {
            let start = entry.headerOffset
            guard bytes.integer(at: start, as: UInt32.self) == 0x0403_4B50,
                bytes.integer(at: start + 8, as: UInt16.self) == entry.method,
                let nameBytes = bytes.integer(at: start + 26, as: UInt16.self),
                let extraBytes = bytes.integer(at: start + 28, as: UInt16.self),
                case let content = start + localHeaderBytes + Int(nameBytes) + Int(extraBytes),
                content <= limit, entry.compressedByteCount <= limit - content,
                bytes[(start + localHeaderBytes)..<(start + localHeaderBytes + Int(nameBytes))]
                    .elementsEqual(entry.name.utf8)
            else { throw .malformed(what: "local header of \(entry.name)", offset: start) }
            guard entry.method != 0 || entry.compressedByteCount == entry.byteCount else {
                throw .malformed(what: "sizes of a stored entry", offset: start)
            }
            contents.append(content..<(content + entry.compressedByteCount))
        }
        let order = entries.indices.sorted { entries[$0].headerOffset < entries[$1].headerOffset }
        for (left, right) in zip(order, order.dropFirst())
        where contents[left].upperBound > entries[right].headerOffset {
            throw .malformed(what: "overlapping entries", offset: entries[right].headerOffset)
        }
        return contents
    }
}
