import Core
import Glibc
import Blobs
import Testing

@Suite struct ZipWriterTests {
    // 2026-01-02 03:04:06 UTC
    private let time = Timestamp(milliseconds: 1_767_323_046_000)

    private func archive(_ entries: [(ZipEntry, [UInt8])]) throws -> (bytes: [UInt8], announced: UInt64?) {
        var writer = try ZipWriter(entries: entries.map { $0.0 })
        let announced = writer.totalBytes
        var bytes: [UInt8] = []
        for (_, data) in entries {
            bytes += writer.beginEntry()
            for start in stride(from: 0, to: data.count, by: 1000) {
                let piece = Array(data[start..<min(start + 1000, data.count)])
                piece.withUnsafeBytes { writer.update($0) }
                bytes += piece
            }
            bytes += try writer.endEntry()
        }
        bytes += writer.finish()
        return (bytes, announced)
    }

    private func python(_ program: String, _ path: String) throws -> Int32 {
        let texts: [String] = ["python3", "-c", program, path]
        let words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        try #require(posix_spawnp(&process, texts[0], nil, nil, words + [nil], environ) == 0, "python3 is missing")
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return status >> 8 & 0xFF
    }

    private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var noise = Noise(state: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &noise) }
    }

    @Test func `the checksum is CRC-32 of ISO 3309, at every length and alignment`() {
        var crc = CRC32()
        crc.update(Array("123456789".utf8))
        // The check value of the catalogue of parametrised CRC algorithms.
        #expect(crc.value == 0xCBF4_3926)
        let data = noise(100, seed: 3)
        for split in 0...100 {
            var (whole, parts) = (CRC32(), CRC32())
            whole.update(data)
            parts.update(Array(data[..<split]))
            parts.update(Array(data[split...]))
            #expect(whole.value == parts.value)
        }
    }

    @Test func `another program reads names, dates and bytes back`() throws {
        let scratch = try Scratch()
        let vocals = noise(123_457, seed: 1)
        var crc = CRC32()
        crc.update(vocals)
        let (bytes, announced) = try archive([
            (
                ZipEntry(name: "stems/vocals é 声.wav", size: UInt64(vocals.count), crc32: crc.value, modified: time),
                vocals
            ),
            (ZipEntry(name: "late.bin", size: 2500, modified: time), noise(2500, seed: 2)),
            (ZipEntry(name: "empty", size: 0, crc32: 0, modified: time), []),
        ])
        #expect(announced == UInt64(bytes.count))
        let path = try scratch.write(bytes, "x.zip")
        let program = """
            import sys, zipfile, zlib
            z = zipfile.ZipFile(sys.argv[1])
            assert z.testzip() is None
            i = z.infolist()
            assert [e.filename for e in i] == ['stems/vocals é 声.wav', 'late.bin', 'empty'], i
            assert all(e.date_time == (2026, 1, 2, 3, 4, 6) for e in i), i
            assert [e.file_size for e in i] == [123457, 2500, 0]
            assert zlib.crc32(z.read(i[0])) == \(crc.value)
            """
        #expect(try python(program, path) == 0)
    }

    @Test func `an entry of unknown size is streamed and read back`() throws {
        let scratch = try Scratch()
        let (bytes, announced) = try archive([
            (ZipEntry(name: "a", size: nil, modified: time), noise(7777, seed: 5)),
            (ZipEntry(name: "b", size: 3, modified: time), [1, 2, 3]),
        ])
        #expect(announced == nil)
        let path = try scratch.write(bytes, "x.zip")
        let program = """
            import sys, zipfile
            z = zipfile.ZipFile(sys.argv[1])
            assert z.testzip() is None and len(z.read('a')) == 7777 and z.read('b') == bytes([1, 2, 3])
            """
        #expect(try python(program, path) == 0)
    }

    @Test func `beyond 4 GiB the archive is ZIP64 and still as long as announced`() throws {
        let scratch = try Scratch()
        // Sparse: the data is a hole of zeros, whose checksum the reader below never gets to.
        let size: UInt64 = 0x1_0000_0010
        var writer = try ZipWriter(entries: [
            ZipEntry(name: "large", size: size, crc32: 0x1234_5678, modified: time),
            ZipEntry(name: "behind", size: 3, crc32: nil, modified: time),
        ])
        let total = try #require(writer.totalBytes)
        let path = scratch.file("x.zip")
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(descriptor) }
        var offset = 0
        func put(_ bytes: [UInt8]) { offset += pwrite(descriptor, bytes, bytes.count, offset) }
        put(writer.beginEntry())
        writer.pass(byteCount: size)
        offset += Int(size)
        put(try writer.endEntry())
        put(writer.beginEntry())
        [UInt8]([7, 8, 9]).withUnsafeBytes { writer.update($0) }
        put([7, 8, 9])
        put(try writer.endEntry())
        put(writer.finish())
        #expect(UInt64(offset) == total)
        let program = """
            import sys, zipfile
            z = zipfile.ZipFile(sys.argv[1])
            assert z.getinfo('large').file_size == \(size) and z.read('behind') == bytes([7, 8, 9])
            with z.open('large') as f: assert f.read(100) == bytes(100)
            """
        #expect(try python(program, path) == 0)
    }

    @Test(arguments: ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a\u{1}", "a/"])
    func `a name that could leave the folder or confuse a reader is refused`(name: String) {
        #expect(throws: ZipError.invalidName(name)) {
            _ = try ZipWriter(entries: [ZipEntry(name: name, size: 0, modified: time)])
        }
    }

    @Test func `a second entry of one name is refused`() {
        let entry = ZipEntry(name: "a", size: 0, modified: time)
        #expect(throws: ZipError.duplicateName("a")) { _ = try ZipWriter(entries: [entry, entry]) }
    }

    @Test func `data that is not what was announced is an error, not a silent archive`() throws {
        #expect(throws: ZipError.wrongSize(name: "a", announced: 4, written: 3)) {
            _ = try archive([(ZipEntry(name: "a", size: 4, modified: time), [1, 2, 3])])
        }
        #expect(throws: ZipError.wrongChecksum(name: "a")) {
            _ = try archive([(ZipEntry(name: "a", size: 3, crc32: 1, modified: time), [1, 2, 3])])
        }
    }
}
