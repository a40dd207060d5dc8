@testable import Blobs
import Core
import Glibc
import Secrets
import Support
import Synchronization
import Testing

struct LocalBlobStoreTests {
    private let directory = TemporaryDirectory()
    private let time = ManualTime()

    private func store() throws -> LocalBlobStore { try LocalBlobStore(root: directory.path + "/data") }

    private func put(_ content: [UInt8], in store: LocalBlobStore) throws -> Blob {
        let file = try store.stage()
        try file.append(content)
        return try store.put(file, at: time.now())
    }

    @Test func `a blob is read back as it was written, with its size and its hash`() throws {
        let store = try store()
        let content = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let blob = try put(content, in: store)
        #expect(blob.byteCount == 1_000_000)
        #expect(blob.sha256 == Hexadecimal.encode(SHA256.hash(of: content)))
        let file = try store.open(blob.id)
        #expect(file.byteCount == 1_000_000)
        #expect(try file.read(at: 0, count: 2_000_000) == content)
        #expect(try file.read(at: 999_999, count: 10) == [content[999_999]])
        #expect(try file.read(at: 1_000_000, count: 10).isEmpty)
    }

    @Test func `a folder is made durable before a blob in it counts, also when whoever made it could not`() throws {
        let files = FailingFiles()
        let store = try LocalBlobStore(root: directory.path + "/data", files: files)
        let blobs = directory.path + "/data/blobs"
        files.fails = { $0 == blobs }
        #expect(throws: BlobError.self) { try put([1], in: store) }
        let made = LocalBlobStore.names(in: blobs)
        #expect(made.count == 1)
        // Every folder that is there now was made by somebody who did not come further.
        files.fails = { _ in false }
        for digits in 0..<256 { mkdir(blobs + "/" + Hexadecimal.encode([UInt8(digits)]), 0o700) }
        files.synchronized.withLock { $0 = [] }
        let blob = try put([1], in: store)
        #expect(files.synchronized.withLock { $0 } == [blobs, blobs + "/" + blob.id.text.suffix(2)])
    }

    @Test func `an empty blob is a blob`() throws {
        let store = try store()
        let blob = try put([], in: store)
        #expect(blob.byteCount == 0)
        #expect(blob.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(try store.open(blob.id).byteCount == 0)
    }

    @Test func `what was never put is no blob and leaves nothing behind`() throws {
        let store = try store()
        var path = ""
        do {
            let file = try store.stage()
            try file.append([1, 2, 3])
            path = file.path
            #expect(access(path, F_OK) == 0)
        }
        #expect(access(path, F_OK) != 0)
        #expect(try store.list().isEmpty)
    }

    @Test func `a removed blob is gone, and removing it again is no error`() throws {
        let store = try store()
        let blob = try put([1], in: store)
        #expect(try store.list() == [blob.id])
        try store.remove(blob.id)
        try store.remove(blob.id)
        #expect(try store.list().isEmpty)
        #expect(throws: BlobError.notFound) { try store.open(blob.id) }
    }

    @Test func `an open blob is read to its end though it was removed meanwhile`() throws {
        let store = try store()
        let blob = try put(Array("kept".utf8), in: store)
        let file = try store.open(blob.id)
        try store.remove(blob.id)
        #expect(try file.read(at: 0, count: 10) == Array("kept".utf8))
    }

    @Test func `what a dead process was writing is removed when the store is opened`() throws {
        let staging = directory.path + "/data/staging"
        _ = try store()
        let file = open(staging + "/left-over", O_CREAT | O_WRONLY, 0o600)
        close(file)
        mkdir(staging + "/folder", 0o700)
        close(open(staging + "/folder/stem.wav", O_CREAT | O_WRONLY, 0o600))
        // An area whose owner died: its lock is there, and free.
        mkdir(staging + "/dead", 0o700)
        mkdir(staging + "/dead/folder", 0o700)
        close(open(staging + "/dead/folder/stem.wav", O_CREAT | O_WRONLY, 0o600))
        close(open(staging + "/dead.lock", O_CREAT | O_WRONLY, 0o600))
        _ = try store()
        for name in ["/dead", "/dead.lock"] { #expect(access(staging + name, F_OK) != 0) }
        #expect(access(staging + "/left-over", F_OK) != 0)
        #expect(access(staging + "/folder", F_OK) != 0)
    }

    @Test func `what a living process is writing outlasts another's opening of the store`() throws {
        let first = try store()
        let staged = try first.stage()
        let folder = try first.stageFolder()
        try staged.append([1, 2])
        let second = try store()
        #expect(access(folder.path, F_OK) == 0)
        let blob = try first.put(staged, at: Timestamp(milliseconds: 0), unless: nil)
        #expect(try second.open(blob.id).read(at: 0, count: 2) == [1, 2])
    }

    @Test func `blobs outlive the store that made them`() throws {
        let blob = try put([7, 8], in: try store())
        #expect(try store().open(blob.id).read(at: 0, count: 2) == [7, 8])
    }

    @Test func `a file of a staged folder becomes a blob, the rest goes with the folder`() throws {
        let store = try store()
        var path = ""
        let blob: Blob
        do {
            let folder = try store.stageFolder()
            path = folder.path
            for name in ["vocals.wav", "rest.tmp"] {
                let descriptor = open(path + "/" + name, O_CREAT | O_WRONLY, 0o600)
                #expect(write(descriptor, name, name.utf8.count) == name.utf8.count)
                close(descriptor)
            }
            let file = try folder.file(named: "vocals.wav")
            blob = try store.put(file, at: time.now())
            #expect(blob.crc32 == crc32(of: Array("vocals.wav".utf8)))
            #expect(throws: BlobError.notFound) { try folder.file(named: "absent.wav") }
        }
        #expect(access(path, F_OK) != 0)
        #expect(try store.open(blob.id).read(at: 0, count: 100) == Array("vocals.wav".utf8))
    }

    @Test func `what is canceled while it is hashed is no blob`() throws {
        let store = try store()
        let file = try store.stage()
        try file.append([1, 2, 3])
        let flag = CancellationFlag()
        flag.raise()
        #expect(throws: BlobError.canceled) { try store.put(file, at: time.now(), unless: flag) }
        #expect(try store.list().isEmpty)
    }

    @Test func `a full disk is said as such and leaves nothing`() throws {
        let store = try store()
        let staged = try store.stage()
        // /dev/full answers ENOSPC to every write; the staged file's descriptor is made to be it.
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(full >= 0)
        defer { close(full) }
        try #require(dup2(full, staged.descriptor) >= 0)
        #expect(throws: BlobError.full) { try staged.append([1]) }
        #expect(try store.list().isEmpty)
    }

    /// Bit by bit, as the polynomial's definition says.
    private func crc32(of bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}

/// The operating system's files, but for folders that cannot be synchronized.
private final class FailingFiles: BlobFiles {
    let synchronized = Mutex<[String]>([])
    private let failing = Mutex<@Sendable (String) -> Bool>({ _ in false })
    private let system = SystemBlobFiles()

    var fails: @Sendable (String) -> Bool {
        get { failing.withLock { $0 } }
        set { failing.withLock { $0 = newValue } }
    }

    func write(_ bytes: [UInt8], to descriptor: Int32) throws(BlobError) { try system.write(bytes, to: descriptor) }

    func synchronize(_ descriptor: Int32) throws(BlobError) { try system.synchronize(descriptor) }

    func synchronizeFolder(_ path: String) throws(BlobError) {
        if fails(path) { throw .system(call: "fsync", errno: EIO) }
        try system.synchronizeFolder(path)
        synchronized.withLock { $0.append(path) }
    }

    func move(_ path: String, to target: String) throws(BlobError) { try system.move(path, to: target) }

    func remove(_ path: String) throws(BlobError) { try system.remove(path) }

    func makeFolder(_ path: String) throws(BlobError) -> Bool { try system.makeFolder(path) }

    func freeBytes(at path: String) throws(BlobError) -> Int64 { try system.freeBytes(at: path) }
}
