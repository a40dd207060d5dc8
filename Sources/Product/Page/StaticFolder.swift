internal import CLinux
public import Core
internal import Glibc
public import HTTP

/// Files of an operator's folder, over those of another site.
///
/// What is asked for is looked up below the folder and nowhere else: neither `..` nor a symbolic link leads out of it,
/// and names that begin with a dot are not served, `.well-known` apart (RFC 8615). A file beside it whose name ends in
/// `.gz`, and which is not older, is sent in its place to clients that take gzip.
public final class StaticFolder: StaticSite {
    private let folder: Int32
    private let pool: BlockingPool
    private let base: (any StaticSite)?
    private let time: any TimeSource

    /// - Parameters:
    ///   - pool: where files are opened, off the event loops.
    ///   - base: asked for what the folder does not have.
    /// - Throws: `OpenFileError` if there is no such folder.
    public init(
        path: String, pool: BlockingPool, base: (any StaticSite)?, time: any TimeSource
    ) throws(OpenFileError) {
        folder = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .failed(call: "open", code: errno) }
        self.pool = pool
        self.base = base
        self.time = time
    }

    deinit { close(folder) }

    public func answer(_ head: RequestHead) async -> StaticAnswer {
        guard let name = Self.name(head.path) else { return await base?.answer(head) ?? .nothing }
        let takesGzip = head.takesGzip && FileType(name: name).isText
        do {
            guard let found = try await pool.run({ [self] in try find(name, takesGzip: takesGzip) }) else {
                return await base?.answer(head) ?? .nothing
            }
            guard head.method == "GET" || head.method == "HEAD" else { return .readOnly }
            return representation(found.file, name: name, isCompressed: found.isCompressed)
                .answer(head, now: time.now())
        } catch OpenFileError.failed(_, code: EMFILE), OpenFileError.failed(_, code: ENFILE) {
            return .refused(.overloaded, "The server has too many files open.", fields: HTTPFields())
        } catch {
            return .refused(.internalError, "The file cannot be read.", fields: HTTPFields())
        }
    }

    /// The file's name below the folder; `nil` for a path that names none that may be served.
    static func name(_ path: String) -> String? {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { return nil }
        let name = path.hasSuffix("/") ? path.dropFirst() + "index.html" : path.dropFirst()
        for part in name.split(separator: "/", omittingEmptySubsequences: false) {
            guard !part.isEmpty, !part.hasPrefix(".") || part == ".well-known" else { return nil }
        }
        return String(name)
    }

    private func find(_ name: String, takesGzip: Bool) throws(OpenFileError) -> (file: OpenFile, isCompressed: Bool)? {
        guard let file = try regularFile(name) else { return nil }
        if takesGzip, let compressed = try regularFile(name + ".gz"), compressed.modified >= file.modified {
            return (compressed, true)
        }
        return (file, false)
    }

    private func regularFile(_ name: String) throws(OpenFileError) -> OpenFile? {
        let descriptor = cadenza_open_beneath(folder, name)
        guard descriptor >= 0 else {
            // Not there, no folder on the way, a way out, or not for us: to a client all the same.
            if [ENOENT, ENOTDIR, EXDEV, ELOOP, EACCES, ENAMETOOLONG, ENXIO].contains(errno) { return nil }
            throw .failed(call: "openat2", code: errno)
        }
        do throws(OpenFileError) {
            return try OpenFile(adopting: descriptor)
        } catch {
            if error == .notRegular { return nil }
            throw error
        }
    }

    private func representation(_ file: OpenFile, name: String, isCompressed: Bool) -> StaticRepresentation {
        let type = FileType(name: name)
        var fields = HTTPFields()
        // Nothing says that another content would have another name.
        fields["Cache-Control"] = "no-cache"
        if type.isText { fields["Vary"] = "Accept-Encoding" }
        if isCompressed { fields["Content-Encoding"] = "gzip" }
        let tag =
            String(file.modified.milliseconds, radix: 16) + "-" + String(file.byteCount, radix: 16)
            + (isCompressed ? "-gzip" : "")
        let pool = pool
        return StaticRepresentation(
            content: .file(file, byteCount: file.byteCount) { offset, count in
                try await pool.run { try file.read(at: offset, count: count) }
            }, mediaType: type.mediaType,
            validators: Validators(entityTag: EntityTag(tag), lastModified: file.modified), fields: fields)
    }
}
