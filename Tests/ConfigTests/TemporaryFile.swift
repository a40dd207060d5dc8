import Glibc
import Testing

/// A file with the given content, gone with the value.
final class TemporaryFile {
    let path: String

    init(_ content: String) throws {
        var template = Array("/tmp/cadenza-config-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let bytes = Array(content.utf8)
        try #require(write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
    }

    deinit { unlink(path) }
}
