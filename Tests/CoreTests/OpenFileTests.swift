import Core
import Glibc
import Testing

@Suite struct OpenFileTests {
    private static func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/cadenza-open-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer {
            unlink(folder + "/file")
            rmdir(folder)
        }
        try body(folder)
    }

    @Test func `an open file tells its length and reads from any offset`() throws {
        try Self.withFolder { folder in
            let descriptor = open(folder + "/file", O_CREAT | O_WRONLY, 0o600)
            try #require(write(descriptor, "abcdef", 6) == 6)
            close(descriptor)
            let file = try OpenFile(path: folder + "/file")
            #expect(file.byteCount == 6)
            #expect(file.modified.milliseconds > 1_700_000_000_000)
            #expect(try file.read(at: 2, count: 3) == Array("cde".utf8))
            #expect(try file.read(at: 4, count: 100) == Array("ef".utf8))
            #expect(try file.read(at: 6, count: 1) == [])
        }
    }

    @Test func `what is missing or no regular file is refused by name`() throws {
        try Self.withFolder { folder in
            #expect(throws: OpenFileError.notFound) { try OpenFile(path: folder + "/none") }
            #expect(throws: OpenFileError.notRegular) { try OpenFile(path: folder) }
            try #require(mkfifo(folder + "/file", 0o600) == 0)
            #expect(throws: OpenFileError.notRegular) { try OpenFile(path: folder + "/file") }
        }
    }
}
