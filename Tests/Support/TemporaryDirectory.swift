internal import Glibc

/// An empty directory of its own for one test, removed with everything in it when the last reference goes.
public final class TemporaryDirectory: Sendable {
    public let path: String

    /// - Parameter folder: where it is made; `nil`: where temporary files are.
    public init(under folder: String? = nil) {
        let base = folder ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/cadenza-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "mkdtemp: errno \(errno)")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    /// The path of `name` inside the directory.
    public func path(_ name: String) -> String { path + "/" + name }

    /// Writes a file inside the directory and returns its path.
    public func write(_ bytes: [UInt8], _ name: String) -> String {
        let descriptor = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        precondition(Glibc.write(descriptor, bytes, bytes.count) == bytes.count, "short write")
        return path(name)
    }

    /// Copies a file inside the directory, as a crash would leave it.
    public func copy(_ name: String, to other: String) {
        let source = open(path(name), O_RDONLY)
        guard source >= 0 else { return }
        let target = open(path(other), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer {
            close(source)
            close(target)
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { return }
            precondition(Glibc.write(target, buffer, count) == count, "short write")
        }
    }

    private static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                // SAFETY: d_name is a zero-terminated array inside the entry, valid until the next readdir.
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard name != ".", name != ".." else { continue }
                let child = path + "/" + name
                var status = stat()
                if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                    remove(child)
                } else {
                    unlink(child)
                }
            }
            closedir(directory)
        }
        rmdir(path)
    }
}
