import Core
import Glibc

@testable import Blobs

/// How the disk misbehaves; all zero in calm times.
struct DiskFaults: Sendable {
    var isFull = false
    /// Of calls: EIO.
    var failure = 0.0
    /// Of calls: takes seconds.
    var slowness = 0.0
}

/// The one disk of a run: files of a scratch folder, and a record of what a power cut would leave of them.
///
/// SAFETY: only touched by the run's one thread at a time.
final class SimulatedDisk: @unchecked Sendable {
    let scheduler: Scheduler
    let root: String
    var faults = DiskFaults()
    /// Of each file's content, as much as is durable.
    private var durableBytes: [UInt64: Int64] = [:]
    /// Names and folders that are not durable yet, with their folders.
    private var pending: [String: String] = [:]
    /// Names whose removal is not durable yet.
    private var removed: [String: String] = [:]
    /// Called with each name that a server removes.
    var removing: ((String) -> Void)?
    /// Called when the power is back.
    var wasCut: (() -> Void)?

    init(root: String, scheduler: Scheduler) {
        self.root = root
        self.scheduler = scheduler
    }

    /// The folder that an operator makes.
    func prepare() { mkdir(root, 0o700) }

    /// What was not made durable is gone; what was removed may be there again.
    func cutPower() {
        for (path, _) in pending.sorted(by: { $0.key < $1.key }) {
            // A folder goes with what is in it.
            erase(path)
            scheduler.trace.count("disk.names.lost")
        }
        for (path, _) in removed.sorted(by: { $0.key < $1.key }) where scheduler.dice.chance(0.5) {
            close(open(path, O_WRONLY | O_CREAT, 0o600))
            scheduler.trace.count("disk.names.back")
        }
        pending = [:]
        removed = [:]
        for folder in names(in: root + "/blobs") {
            for name in names(in: root + "/blobs/" + folder) {
                let path = root + "/blobs/" + folder + "/" + name
                var status = stat()
                guard stat(path, &status) == 0 else { continue }
                let kept = durableBytes[UInt64(status.st_ino)] ?? 0
                if kept < status.st_size { truncate(path, Int(kept)) }
            }
        }
        wasCut?()
    }

    private func erase(_ path: String) {
        for name in names(in: path) { erase(path + "/" + name) }
        if unlink(path) != 0 { rmdir(path) }
    }

    /// Bytes of the blob that a power cut would leave; `nil` if not even its name.
    func durableBytes(of blob: String) -> Int64? {
        let folder = root + "/blobs/" + blob.suffix(2)
        let path = folder + "/" + blob
        var status = stat()
        guard stat(path, &status) == 0, [path, folder, root + "/blobs"].allSatisfy({ pending[$0] == nil })
        else { return nil }
        return min(Int64(status.st_size), durableBytes[UInt64(status.st_ino)] ?? 0)
    }

    func blobs() -> [String] {
        names(in: root + "/blobs").flatMap { names(in: root + "/blobs/" + $0) }.sorted()
    }

    private func names(in path: String) -> [String] { LocalBlobStore.names(in: path).sorted() }

    // MARK: What servers do to it

    fileprivate func synchronized(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return }
        durableBytes[UInt64(status.st_ino)] = Int64(status.st_size)
    }

    fileprivate func synchronizedFolder(_ path: String) {
        pending = pending.filter { $0.value != path }
        removed = removed.filter { $0.value != path }
    }

    fileprivate func appeared(_ path: String) { pending[path] = Self.folder(of: path) }

    fileprivate func disappeared(_ path: String) {
        // A file that was never durable leaves no trace either way.
        if pending.removeValue(forKey: path) == nil { removed[path] = Self.folder(of: path) }
        removing?(path)
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

/// The disk as one process reaches it.
struct ProcessFiles: BlobFiles {
    let disk: SimulatedDisk
    let process: SimulatedProcess
    private let system = SystemBlobFiles()

    init(_ disk: SimulatedDisk, for process: SimulatedProcess) {
        self.disk = disk
        self.process = process
    }

    /// A call of the system: takes its time, and may fail.
    private func call(_ name: String) throws(BlobError) {
        let scheduler = disk.scheduler
        if process.isDead { throw .system(call: name, errno: EIO) }
        let isSlow = scheduler.dice.chance(disk.faults.slowness)
        scheduler.pause(seconds: scheduler.dice.seconds(isSlow ? 0.2...4 : 0.0001...0.002), in: process)
        if process.isDead { throw .system(call: name, errno: EIO) }
        if scheduler.dice.chance(disk.faults.failure) {
            scheduler.trace.note("disk.failed", at: scheduler.seconds, name)
            throw .system(call: name, errno: EIO)
        }
    }

    func write(_ bytes: [UInt8], to descriptor: Int32) throws(BlobError) {
        try call("write")
        if disk.faults.isFull {
            disk.scheduler.trace.note("disk.full", at: disk.scheduler.seconds)
            throw .full
        }
        try system.write(bytes, to: descriptor)
    }

    func synchronize(_ descriptor: Int32) throws(BlobError) {
        try call("fsync")
        disk.synchronized(descriptor)
    }

    func synchronizeFolder(_ path: String) throws(BlobError) {
        try call("fsync")
        disk.synchronizedFolder(path)
    }

    func move(_ path: String, to target: String) throws(BlobError) {
        try call("rename")
        try system.move(path, to: target)
        disk.appeared(target)
    }

    func remove(_ path: String) throws(BlobError) {
        try call("unlink")
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        try system.remove(path)
        disk.disappeared(path)
    }

    func makeFolder(_ path: String) throws(BlobError) -> Bool {
        try call("mkdir")
        let isNew = try system.makeFolder(path)
        if isNew { disk.appeared(path) }
        return isNew
    }

    func freeBytes(at path: String) throws(BlobError) -> Int64 {
        try call("statvfs")
        return disk.faults.isFull && disk.scheduler.dice.chance(0.5) ? 0 : 1 << 40
    }
}
