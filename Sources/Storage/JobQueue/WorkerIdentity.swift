internal import Glibc

/// Which process holds a claim, precise enough to tell whether it still lives: a process id is reused, a process id
/// with its start time on one boot of one host is not.
public struct WorkerIdentity: Hashable, Sendable {
    public let host: String
    public let bootID: String
    /// Within which the process id counts: containers of one machine, and of one host name, have their own.
    public let pidNamespace: String
    public let pid: Int64
    /// When the process started, in clock ticks since the boot: field 22 of proc(5)'s stat.
    public let startTicks: Int64

    public init(host: String, bootID: String, pidNamespace: String = "", pid: Int64, startTicks: Int64) {
        self.host = host
        self.bootID = bootID
        self.pidNamespace = pidNamespace
        self.pid = pid
        self.startTicks = startTicks
    }

    /// This process.
    public static func current() -> WorkerIdentity {
        let pid = Int64(getpid())
        return WorkerIdentity(
            host: hostName(), bootID: firstLine(of: "/proc/sys/kernel/random/boot_id") ?? "",
            pidNamespace: target(of: "/proc/self/ns/pid") ?? "", pid: pid, startTicks: startTicks(of: pid) ?? 0)
    }

    /// Whether the process lives. Answers for this host, boot and namespace only: of others it says no.
    public static func isAlive(_ worker: WorkerIdentity) -> Bool {
        let here = current()
        guard worker.host == here.host, worker.bootID == here.bootID, worker.pidNamespace == here.pidNamespace else {
            return false
        }
        return startTicks(of: worker.pid) == worker.startTicks
    }

    private static func hostName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func target(of link: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 256)
        let count = readlink(link, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    private static func startTicks(of pid: Int64) -> Int64? {
        // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
        guard let line = firstLine(of: "/proc/\(pid)/stat"), let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        // A zombie still has its line, but works no more.
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return Int64(fields[19])
    }

    private static func firstLine(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self)
    }
}
