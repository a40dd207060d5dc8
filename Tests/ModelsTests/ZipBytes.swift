/// Makes zip archives by hand, also such that lie.
struct ZipBytes {
    struct Item {
        var name: String
        var content: [UInt8]
        var method: UInt16 = 0
        /// What the headers say the plain size is.
        var byteCount: Int
        /// The local header that the directory points to: that of another item, for overlaps.
        var sharesHeaderOf: Int?
        var localName: String?
        var flags: UInt16 = 0

        fileprivate var sizes: [UInt8] { ZipBytes.little(byteCount, 8) + ZipBytes.little(content.count, 8) }

        init(_ name: String, _ content: [UInt8], method: UInt16 = 0, byteCount: Int? = nil) {
            self.name = name
            self.content = content
            self.method = method
            self.byteCount = byteCount ?? content.count
        }
    }

    var items: [Item]
    /// Writes the 64-bit form, as archives over 4 GiB need it.
    var isLarge = false

    init(_ items: [Item]) { self.items = items }

    var bytes: [UInt8] {
        var output: [UInt8] = []
        var offsets: [Int] = []
        for item in items {
            offsets.append(item.sharesHeaderOf.map { offsets[$0] } ?? output.count)
            let name = item.localName ?? item.name
            output += Self.little(0x0403_4B50, 4) + Self.little(20, 2) + Self.little(Int(item.flags), 2)
            output += Self.little(Int(item.method), 2) + Self.little(0, 8) + Self.little(item.content.count, 4)
            output += Self.little(item.byteCount, 4) + Self.little(name.utf8.count, 2) + Self.little(0, 2)
            output += Array(name.utf8) + item.content
        }
        let start = output.count
        for (item, offset) in zip(items, offsets) {
            let extra = isLarge ? Self.little(1, 2) + Self.little(24, 2) + item.sizes + Self.little(offset, 8) : []
            output += Self.little(0x0201_4B50, 4) + Self.little(20, 4) + Self.little(Int(item.flags), 2)
            output += Self.little(Int(item.method), 2) + Self.little(0, 8) + small(item.content.count, 4)
            output += small(item.byteCount, 4) + Self.little(item.name.utf8.count, 2) + Self.little(extra.count, 2)
            output += Self.little(0, 10) + small(offset, 4) + Array(item.name.utf8) + extra
        }
        let (end, count) = (output.count, items.count)
        if isLarge {
            output += Self.little(0x0606_4B50, 4) + Self.little(44, 8) + Self.little(45, 4) + Self.little(0, 8)
            output += Self.little(count, 8) + Self.little(count, 8) + Self.little(end - start, 8)
            output += Self.little(start, 8) + Self.little(0x0706_4B50, 4) + Self.little(0, 4)
            output += Self.little(end, 8) + Self.little(1, 4)
        }
        output += Self.little(0x0605_4B50, 4) + Self.little(0, 4) + small(count, 2) + small(count, 2)
        return output + small(end - start, 4) + small(start, 4) + Self.little(0, 2)
    }

    /// The field of the plain format; in the 64-bit one it says "look elsewhere".
    private func small(_ value: Int, _ count: Int) -> [UInt8] { Self.little(isLarge ? -1 : value, count) }

    static func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
