import Testing

@testable import Models

@Suite struct ZipArchiveTests {
    private func open(_ bytes: [UInt8], entriesMax: Int = 100) throws -> [(String, [UInt8])] {
        try bytes.withUnsafeBytes { bytes in
            let archive = try ZipArchive(bytes, entriesMax: entriesMax, nameBytesMax: 100)
            return zip(archive.entries, archive.contents).map { ($0.name, Array(bytes[$1])) }
        }
    }

    private func refusal(of bytes: [UInt8], entriesMax: Int = 100) -> ZipError? {
        do {
            _ = try open(bytes, entriesMax: entriesMax)
            return nil
        } catch {
            return error as? ZipError
        }
    }

    @Test func `entries come with their content`() throws {
        var zip = ZipBytes([.init("a", [1, 2]), .init("b/c", []), .init("d", [3])])
        for isLarge in [false, true] {
            zip.isLarge = isLarge
            let entries = try open(zip.bytes)
            #expect(entries.map(\.0) == ["a", "b/c", "d"])
            #expect(entries.map(\.1) == [[1, 2], [], [3]])
        }
    }

    @Test func `a 64-bit archive with any byte changed is refused or read, and never traps`() {
        var zip = ZipBytes([.init("a", [1, 2]), .init("b", [3])])
        zip.isLarge = true
        let whole = zip.bytes
        for index in whole.indices {
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var bytes = whole
                bytes[index] = value
                _ = refusal(of: bytes)
            }
        }
        #expect(refusal(of: Array(whole.dropLast())) != nil)
    }

    @Test func `two entries that share bytes are refused`() {
        var second = ZipBytes.Item("a", [1, 2])
        second.sharesHeaderOf = 0
        #expect(refusal(of: ZipBytes([.init("a", [1, 2]), second]).bytes) != nil)
        second = ZipBytes.Item("b", [1, 2])
        second.sharesHeaderOf = 0
        #expect(refusal(of: ZipBytes([.init("a", [1, 2]), second]).bytes) != nil)
    }

    @Test func `what readers of zip files disagree about is refused`() {
        var item = ZipBytes.Item("a", [1, 2])
        item.localName = "b"
        #expect(refusal(of: ZipBytes([item]).bytes) == .malformed(what: "local header of a", offset: 0))
        item = ZipBytes.Item("a", [1, 2])
        item.flags = 1
        #expect(refusal(of: ZipBytes([item]).bytes) == .unsupported("an encrypted entry"))
        #expect(
            refusal(of: ZipBytes([.init("a", [1, 2], byteCount: 3)]).bytes)
                == .malformed(what: "sizes of a stored entry", offset: 0))
        let many = (0..<4).map { ZipBytes.Item("\($0)", [1]) }
        #expect(refusal(of: ZipBytes(many).bytes, entriesMax: 3) == .tooManyEntries)
        #expect(refusal(of: ZipBytes([.init("a", [1])]).bytes + [0]) != nil, "bytes after the end")
    }
}
