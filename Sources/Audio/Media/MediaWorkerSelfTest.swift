internal import Glibc

/// Tries, from inside the sandbox, what a taken-over decoder would try.
enum MediaWorkerSelfTest {
    /// One line an attempt: its name, a space, and the errno it was refused with (0: it was let through).
    static func run() -> [UInt8] {
        var report = ""
        for (name, attempt) in attempts {
            errno = 0
            let refused = attempt() < 0
            report += "\(name) \(refused ? errno : 0)\n"
        }
        return Array(report.utf8)
    }

    private static let attempts: [(String, @Sendable () -> Int)] = [
        ("open", { Int(open("/etc/passwd", O_RDONLY)) }),
        ("create", { Int(open("/tmp/cadenza-selftest", O_CREAT | O_WRONLY, 0o600)) }),
        ("unlink", { Int(unlink("/tmp/cadenza-selftest")) }),
        ("socket-inet", { Int(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)) }),
        ("socket-unix", { Int(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)) }),
        ("duplicate", { Int(dup(STDOUT_FILENO)) }),
        ("spawn", { spawn() }),
        ("signal-parent", { Int(kill(getppid(), 0)) }),
        ("executable-memory", { executableMemory() }),
        ("ioctl", { Int(isatty(STDIN_FILENO)) - 1 }),
        ("allocate", { allocate(bytes: 1 << 31) }),
        ("inherited-descriptor", { Int(close(17)) }),
        ("small-allocation", { allocate(bytes: 1 << 24) }),
        ("read-input", { readInput() }),
    ]

    private static func spawn() -> Int {
        var process: pid_t = 0
        let status = posix_spawn(&process, "/bin/true", nil, nil, [nil], [nil])
        errno = status
        return status == 0 ? 0 : -1
    }

    private static func executableMemory() -> Int {
        let page = mmap(nil, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        return page == MAP_FAILED ? -1 : 0
    }

    private static func allocate(bytes: Int) -> Int {
        let pages = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pages, pages != MAP_FAILED else { return -1 }
        munmap(pages, bytes)
        return 0
    }

    private static func readInput() -> Int {
        var byte: UInt8 = 0
        return pread(STDIN_FILENO, &byte, 1, 0)
    }
}
