internal import Core
internal import Glibc
internal import Secrets

/// The installed models: `<directory>/<id>/<file>` and a manifest beside them.
///
/// A model's folder appears by one rename, complete and checked, or not at all; what lies in a folder whose name
/// starts with a dot is unfinished and never used. Several processes may use and change one store.
public struct ModelStore: Sendable {
    /// Whether an entry can be used.
    public enum State: Hashable, Sendable {
        case absent
        case installed
        /// Something is there, but not what the catalogue pins.
        case damaged(String)
    }

    static let manifestName = "manifest.json"
    static let manifestBytesMax = 1 << 20

    public let directory: String
    let environment: [String: String]
    let machine: String

    /// - Parameter environment: for the tools that an installation starts; without it, this process' own.
    public init(directory: String, environment: [String: String]? = nil) {
        self.directory = directory
        self.environment = environment ?? Subprocess.inheritedEnvironment()
        machine = Self.currentMachine
    }

    /// `CADENZA_MODELS_DIR`, else `$XDG_DATA_HOME/cadenza/models`, else `$HOME/.local/share/cadenza/models`
    /// (XDG Base Directory Specification 0.8: a relative `XDG_DATA_HOME` is ignored).
    public static func defaultDirectory(environment: [String: String]) -> String {
        if let directory = environment["CADENZA_MODELS_DIR"], !directory.isEmpty { return directory }
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/cadenza/models" }
        return (environment["HOME"] ?? "") + "/.local/share/cadenza/models"
    }

    /// This machine, as `uname -m` says.
    public static let currentMachine: String = {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }()

    /// Looks at the manifest and at the sizes; `verify` looks at every byte.
    public func state(of entry: ModelEntry) -> State {
        do {
            for file in entry.files(for: machine) { _ = try path(of: file.name, in: entry) }
            return .installed
        } catch {
            if case .damaged(_, let what) = error { return .damaged(what) }
            return .absent
        }
    }

    /// The path of an installed file, after its manifest and size were checked; its digest was at installation.
    /// - Throws: `.notInstalled` with the command that installs it, `.damaged` when the file is not as pinned.
    public func path(of name: String, in entry: ModelEntry) throws(ModelStoreError) -> String {
        guard let file = entry.files(for: machine).first(where: { $0.name == name }) else {
            throw .noSourceForMachine(id: entry.id, machine: machine)
        }
        let folder = folder(of: entry.id)
        guard FileContent.byteCount("\(folder)/\(Self.manifestName)") != nil else { throw .notInstalled(id: entry.id) }
        let manifest = try FileContent.read("\(folder)/\(Self.manifestName)", byteCountMax: Self.manifestBytesMax)
        guard manifest == self.manifest(of: entry) else {
            throw .damaged(id: entry.id, what: "another version is installed")
        }
        let path = "\(folder)/\(name)"
        guard FileContent.byteCount(path) == file.byteCount else {
            throw .damaged(id: entry.id, what: "\(name) has not \(file.byteCount) bytes")
        }
        return path
    }

    /// Reads every byte of an installed entry and compares the digests.
    /// - Throws: as `path(of:in:)`; `.damaged` naming the file whose digest differs; `.system` when one cannot be read.
    public func verify(_ entry: ModelEntry) throws(ModelStoreError) {
        let files = entry.files(for: machine)
        guard !files.isEmpty else { throw .noSourceForMachine(id: entry.id, machine: machine) }
        for file in files {
            let digest = try Self.digest(of: try path(of: file.name, in: entry))
            guard digest == file.sha256 else { throw .damaged(id: entry.id, what: "\(file.name) has other content") }
        }
    }

    /// Removes an installed entry and what an interrupted installation left of it.
    public func remove(id: String) throws(ModelStoreError) {
        precondition(!id.isEmpty && !id.hasPrefix(".") && !id.contains("/"), "not an entry's id")
        guard access(directory, F_OK) == 0 else { return }
        let lock = try StoreLock(directory: directory, id: id, cancellation: CancellationFlag())
        defer { lock.release() }
        let doomed = stagingFolder(of: id)
        if access(folder(of: id), F_OK) == 0 { try FileContent.move(folder(of: id), to: doomed) }
        try FileContent.removeTree(doomed)
        try FileContent.synchronizeFolder(directory)
    }

    func folder(of id: String) -> String { "\(directory)/\(id)" }

    func stagingFolder(of id: String) -> String { "\(directory)/.\(id).unfinished" }

    /// Canonical, so that an installed manifest can be compared byte by byte.
    func manifest(of entry: ModelEntry) -> [UInt8] {
        let files = entry.files(for: machine).map { file in
            JSON.object([
                JSON.Member("name", .string(file.name)), JSON.Member("sha256", .string(file.sha256)),
                JSON.Member("bytes", .integer(Int64(file.byteCount))),
            ])
        }
        return JSON.object([JSON.Member("id", .string(entry.id)), JSON.Member("files", .array(files))]).encoded
    }

    static func digest(of path: String) throws(ModelStoreError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        var hasher = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(call: "read", path: path, errno: errno) }
            if count == 0 { return Hexadecimal.encode(hasher.finalize()) }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}

/// Keeps other installations of one entry out, in this process and in others, until it is released.
struct StoreLock {
    private static let retryMilliseconds: Int32 = 100

    private let descriptor: Int32

    /// - Throws: `.cancelled` when the flag is raised while another one has the lock.
    init(directory: String, id: String, cancellation: CancellationFlag) throws(ModelStoreError) {
        let path = "\(directory)/.\(id).lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                let number = errno
                close(descriptor)
                throw .system(call: "flock", path: path, errno: number)
            }
            guard !cancellation.isRaised else {
                close(descriptor)
                throw .cancelled
            }
            poll(nil, 0, Self.retryMilliseconds)
        }
    }

    /// The lock file stays: removing it would let a waiting process lock a file that no one else sees.
    func release() { close(descriptor) }
}
