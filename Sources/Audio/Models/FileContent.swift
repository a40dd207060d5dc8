internal import Glibc

/// Files and folders by their paths, with errors that name the call.
enum FileContent {
    static func read(_ path: String, byteCountMax: Int) throws(ModelStoreError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(call: "read", path: path, errno: errno) }
            if count == 0 { return content }
            content.append(contentsOf: buffer[..<count])
            guard content.count <= byteCountMax else { throw .system(call: "read", path: path, errno: EFBIG) }
        }
    }

    /// Creates a file with this content and waits until it is on the disk.
    static func write(_ content: [UInt8], to path: String) throws(ModelStoreError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        guard content.withUnsafeBytes({ writeAll($0, to: descriptor) }) else {
            throw .system(call: "write", path: path, errno: errno)
        }
        guard fsync(descriptor) == 0 else { throw .system(call: "fsync", path: path, errno: errno) }
    }

    /// The size of a regular file, `nil` when there is none.
    static func byteCount(_ path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    static func move(_ source: String, to target: String) throws(ModelStoreError) {
        guard rename(source, target) == 0 else { throw .system(call: "rename", path: target, errno: errno) }
    }

    // MARK: - Folders

    /// Makes a folder and those above it, where they are missing.
    static func makeFolder(_ path: String) throws(ModelStoreError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw .system(call: "mkdir", path: path, errno: errno)
        }
        try makeFolder(String(path[..<slash]))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw .system(call: "mkdir", path: path, errno: errno)
        }
    }

    /// The names in a folder, sorted; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let item = readdir(folder) {
            // SAFETY: d_name is a zero-terminated text inside the entry, valid until the next readdir.
            let name = withUnsafePointer(to: &item.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The bytes of all files in a folder and those below it.
    static func treeByteCount(_ path: String) -> Int {
        names(in: path).reduce(0) { $0 + (byteCount("\(path)/\($1)") ?? treeByteCount("\(path)/\($1)")) }
    }

    /// Removes a file or a folder with everything in it; links are not followed. What is not there is no error.
    static func removeTree(_ path: String) throws(ModelStoreError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw .system(call: "unlink", path: path, errno: errno) }
        for name in names(in: path) { try removeTree("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw .system(call: "rmdir", path: path, errno: errno) }
    }

    /// Waits until a file's content is on the disk.
    static func synchronizeFile(_ path: String) throws(ModelStoreError) { try synchronize(path, flags: 0) }

    /// Waits until a folder's names are on the disk.
    static func synchronizeFolder(_ path: String) throws(ModelStoreError) {
        try synchronize(path, flags: O_DIRECTORY)
    }

    private static func synchronize(_ path: String, flags: Int32) throws(ModelStoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | flags)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(call: "fsync", path: path, errno: errno) }
    }
}
