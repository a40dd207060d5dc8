public import Core
internal import Glibc
internal import Secrets

/// Blobs as files of a local folder: `blobs/<last two digits>/<id>`, written in `staging/`, on one file system. Several
/// processes may share it, each with a staging area of its own.
public struct LocalBlobStore: BlobStore {
    private let root: String
    private let staging: StagingArea
    private var blobsPath: String { root + "/blobs" }

    /// - Throws: `BlobError.system` if the folders cannot be made.
    public init(root: String) throws(BlobError) {
        self.root = root
        for path in [root, root + "/staging", root + "/blobs"] {
            try Self.makeDirectory(path)
        }
        staging = try StagingArea(in: root + "/staging")
    }

    public func stage() throws(BlobError) -> StagedFile {
        let path = staging.path + "/" + BlobID(at: SystemTime().now()).text
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BlobError.failure(of: "open") }
        return StagedFile(path: path, descriptor: descriptor)
    }

    public func stageFolder() throws(BlobError) -> StagedFolder {
        let path = staging.path + "/" + BlobID(at: SystemTime().now()).text
        guard mkdir(path, 0o700) == 0 else { throw BlobError.failure(of: "mkdir") }
        return StagedFolder(path: path)
    }

    public func put(
        _ file: StagedFile, at now: Timestamp, unless flag: CancellationFlag?
    ) throws(BlobError) -> Blob {
        // Whoever wrote the file may have used the path, not the descriptor: both reach the same inode.
        guard fsync(file.descriptor) == 0 else { throw BlobError.failure(of: "fsync") }
        var hasher = SHA256()
        var checksum = CRC32()
        let byteCount = try FileBlocks.forEach(of: file.descriptor, unless: flag) { block in
            hasher.update(block)
            checksum.update(block)
        }
        let id = BlobID(at: now)
        let folder = folder(of: id)
        try Self.makeDirectory(folder)
        guard rename(file.path, path(of: id)) == 0 else { throw BlobError.failure(of: "rename") }
        do {
            try Self.syncDirectory(folder)
        } catch {
            unlink(path(of: id))
            throw error
        }
        return Blob(
            id: id, byteCount: byteCount, sha256: Hexadecimal.encode(hasher.finalize()), crc32: checksum.value)
    }

    public func owner(orWrite fresh: String) throws(BlobError) -> String {
        let path = blobsPath + "/owner"
        do {
            let file = try OpenFile(path: path)
            return String(decoding: try file.read(at: 0, count: 256), as: UTF8.self)
        } catch OpenFileError.notFound {
            let staged = try stage()
            try staged.append(Array(fresh.utf8))
            guard fsync(staged.descriptor) == 0 else { throw BlobError.failure(of: "fsync") }
            // Unlike a rename it replaces nothing: of two that come at once one owns the store.
            guard link(staged.path, path) == 0 else {
                if errno == EEXIST { return try owner(orWrite: fresh) }
                throw BlobError.failure(of: "link")
            }
            try Self.syncDirectory(blobsPath)
            return fresh
        } catch OpenFileError.failed(let call, let code) {
            throw .system(call: call, errno: code)
        } catch {
            throw .system(call: "open", errno: EISDIR)
        }
    }

    public func freeBytes() throws(BlobError) -> Int64 {
        var status = statvfs()
        guard statvfs(root, &status) == 0 else { throw BlobError.failure(of: "statvfs") }
        return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }

    public func open(_ id: BlobID) throws(BlobError) -> OpenFile {
        do {
            return try OpenFile(path: path(of: id))
        } catch {
            switch error {
            case .notFound: throw .notFound
            case .notRegular: throw .system(call: "open", errno: EISDIR)
            case .failed(let call, let code): throw .system(call: call, errno: code)
            }
        }
    }

    public func remove(_ id: BlobID) throws(BlobError) {
        guard unlink(path(of: id)) == 0 || errno == ENOENT else { throw BlobError.failure(of: "unlink") }
    }

    public func list() throws(BlobError) -> [BlobID] {
        Self.names(in: blobsPath).flatMap { folder in
            Self.names(in: blobsPath + "/" + folder).compactMap(BlobID.init(parsing:))
        }
    }

    /// Names of the entries of a folder, without `.` and `..`; none if it cannot be read.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            // SAFETY: d_name is a NUL-terminated array inside the entry, valid until the next readdir.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The last digits of a UUIDv7 are random, so they spread blobs evenly; the first ones are time.
    private func folder(of id: BlobID) -> String { blobsPath + "/" + id.text.suffix(2) }

    private func path(of id: BlobID) -> String { folder(of: id) + "/" + id.text }

    /// A new folder is durable only once its parent is: a row must never name a blob that a power cut took.
    private static func makeDirectory(_ path: String) throws(BlobError) {
        if mkdir(path, 0o700) == 0 {
            let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
            try syncDirectory(parent.isEmpty ? "/" : parent)
        } else if errno != EEXIST {
            throw BlobError.failure(of: "mkdir")
        }
    }

    private static func syncDirectory(_ path: String) throws(BlobError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BlobError.failure(of: "open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw BlobError.failure(of: "fsync") }
    }
}
