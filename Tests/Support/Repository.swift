internal import Glibc

/// The checked-out tree that the tests were built from.
public enum Repository {
    /// Without a slash at its end.
    public static let root = String(#filePath.dropLast("/Tests/Support/Repository.swift".count))

    /// The content of the file at `path` below the root, `nil` if it cannot be read or is not UTF-8.
    public static func text(_ path: String) -> String? {
        let descriptor = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 { return nil }
            if count == 0 { return String(validating: content, as: UTF8.self) }
            content += chunk[..<count]
        }
    }

    /// The regular files below `folder` (links are not followed), as sorted paths below the root.
    public static func files(below folder: String) -> [String] {
        guard let directory = opendir("\(root)/\(folder)") else { return [] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            // SAFETY: d_name is a C string inside the entry, copied before the next readdir.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let path = "\(folder)/\(name)"
            switch Int32(entry.pointee.d_type) {
            case Int32(DT_DIR): found += files(below: path)
            case Int32(DT_REG): found.append(path)
            default: break
            }
        }
        return found.sorted()
    }

    /// The content of `path`, which is expected to equal `generated`; with `CADENZA_TEST_REGENERATE` in the
    /// environment the file is written first.
    public static func golden(_ path: String, generated: String) -> String? {
        if getenv("CADENZA_TEST_REGENERATE") != nil {
            let descriptor = open("\(root)/\(path)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            let bytes = Array(generated.utf8)
            guard write(descriptor, bytes, bytes.count) == bytes.count else { return nil }
        }
        return text(path)
    }
}
