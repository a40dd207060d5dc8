public import Core
internal import Glibc
internal import Secrets
internal import Synchronization

/// Blobs as files of a local folder: `blobs/<last two digits>/<id>`, written in `staging/`, on one file system. Several
/// processes may share it, each with a staging area of its own.
public struct LocalBlobStore: BlobStore {
    private let root: String
    private let staging: StagingArea
    private let files: any BlobFiles
    private let time: any TimeSource
    private let durable = DurableFolders()
    private var blobsPath: String { root + "/blobs" }

    /// - Throws: `BlobError.system` if the folders cannot be made.
    public init(
        root: String, files: any BlobFiles = SystemBlobFiles(), time: any TimeSource = SystemTime()
    ) throws(BlobError) {
        self.root = root
        self.files = files
        self.time = time
        if try files.makeFolder(root) { try files.synchronizeFolder(Self.parent(of: root)) }
        for path in [root + "/staging", root + "/blobs"] { _ = try files.makeFolder(path) }
        try files.synchronizeFolder(root)
        staging = try StagingArea(in: root + "/staging", at: time.now())
    }

    public func stage() throws(BlobError) -> StagedFile {
        let path = staging.path + "/" + BlobID(at: time.now()).text
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BlobError.failure(of: "open") }
        return StagedFile(path: path, descriptor: descriptor, files: files)
    }

    public func stageFolder() throws(BlobError) -> StagedFolder {
        let path = staging.path + "/" + BlobID(at: time.now()).text
        guard mkdir(path, 0o700) == 0 else { throw BlobError.failure(of: "mkdir") }
        return StagedFolder(path: path, files: files)
    }

    public func put(
        _ file: StagedFile, at now: Timestamp, unless flag: CancellationFlag?
    ) throws(BlobError) -> Blob {
        // Whoever wrote the file may have used the path, not the descriptor: both reach the same inode.
        try files.synchronize(file.descriptor)
        var hasher = SHA256()
        var checksum = CRC32()
        let byteCount = try FileBlocks.forEach(of: file.descriptor, unless: flag) { block in
            hasher.update(block)
            checksum.update(block)
        }
        let id = BlobID(at: now)
        let folder = folder(of: id)
        try makeDurable(folder)
        try files.move(file.path, to: path(of: id))
        do {
            try files.synchronizeFolder(folder)
        } catch {
            // What cannot be removed now is the sweeper's.
            try? files.remove(path(of: id))
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
            try files.synchronize(staged.descriptor)
            // Unlike a rename it replaces nothing: of two that come at once one owns the store.
            guard link(staged.path, path) == 0 else {
                if errno == EEXIST { return try owner(orWrite: fresh) }
                throw BlobError.failure(of: "link")
            }
            try files.synchronizeFolder(blobsPath)
            return fresh
        } catch OpenFileError.failed(let call, let code) {
            throw .system(call: call, errno: code)
        } catch {
            throw .system(call: "open", errno: EISDIR)
        }
    }

    public func freeBytes() throws(BlobError) -> Int64 { try files.freeBytes(at: root) }

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
        try files.remove(path(of: id))
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

    /// A folder is durable only once its parent is: a row must never name a blob that a power cut took. Who made it may
    /// have failed, or died, before that, so each process sees to it once.
    private func makeDurable(_ folder: String) throws(BlobError) {
        guard !durable.has(folder) else { return }
        _ = try files.makeFolder(folder)
        try files.synchronizeFolder(Self.parent(of: folder))
        durable.add(folder)
    }

    private static func parent(of path: String) -> String {
        guard let end = path.lastIndex(of: "/") else { return "." }
        return end == path.startIndex ? "/" : String(path[..<end])
    }
}

/// The folders that this process made sure of.
private final class DurableFolders: Sendable {
    private let paths = Mutex<Set<String>>([])

    func has(_ path: String) -> Bool { paths.withLock { $0.contains(path) } }

    func add(_ path: String) { paths.withLock { _ = $0.insert(path) } }
}
