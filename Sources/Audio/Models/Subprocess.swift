internal import Core
internal import Glibc

/// How a program ended and the last of what it wrote to its standard output and error.
struct SubprocessResult {
    /// The exit status; 128 + the signal's number when a signal ended it.
    var status: Int32
    var output: String
}

/// Runs a program directly, never through a shell.
struct Subprocess {
    static let outputBytesMax = 8 << 10
    private static let pollMilliseconds: Int32 = 200

    let path: String
    let arguments: [String]
    let environment: [String: String]

    /// The executable file `name` in the `PATH` of `environment`.
    static func find(_ name: String, environment: [String: String]) -> String? {
        let folders = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        return folders.lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The environment that this process was started with.
    static func inheritedEnvironment() -> [String: String] {
        guard let bytes = try? FileContent.read("/proc/self/environ", byteCountMax: 4 << 20) else { return [:] }
        var environment: [String: String] = [:]
        for item in bytes.split(separator: 0) {
            guard let equals = item.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: item[..<equals], as: UTF8.self)
            environment[name] = String(decoding: item[(equals + 1)...], as: UTF8.self)
        }
        return environment
    }

    /// Waits for the end; calls `whileRunning` a few times a second and stops the program when the flag is raised.
    /// - Throws: `.system` when it cannot be started, `.cancelled`.
    func run(
        cancellation: CancellationFlag, whileRunning: () -> Void
    ) throws(ModelStoreError) -> SubprocessResult {
        var ends: [Int32] = [0, 0]
        // A socket pair, since Glibc's module has no pipe2 and a descriptor must not leak into other new processes.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .system(call: "socketpair", path: path, errno: errno)
        }
        defer { close(ends[0]) }
        let child: pid_t
        do throws(ModelStoreError) {
            child = try spawn(output: ends[1])
            close(ends[1])
        } catch {
            close(ends[1])
            throw error
        }
        var output: [UInt8] = []
        var isCancelled = false
        while readSome(from: ends[0], into: &output) {
            whileRunning()
            if cancellation.isRaised, !isCancelled {
                isCancelled = true
                kill(-child, SIGTERM)
            }
        }
        let status = wait(for: child)
        guard !isCancelled else { throw .cancelled }
        return SubprocessResult(status: status, output: String(decoding: output, as: UTF8.self))
    }

    /// - Returns: the process, leader of a group of its own, so that a signal reaches its children too.
    private func spawn(output: Int32) throws(ModelStoreError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var defaults = sigset_t()
        sigfillset(&defaults)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        // SAFETY: strdup'ed texts, freed below, after posix_spawn has copied them into the new process.
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") }
        argv.append(nil)
        envp.append(nil)
        defer { for text in argv + envp { free(text) } }
        var child: pid_t = 0
        let status = posix_spawn(&child, path, &actions, &attributes, argv, envp)
        guard status == 0 else { throw .system(call: "posix_spawn", path: path, errno: status) }
        return child
    }

    /// - Returns: false at the end of the output.
    private func readSome(from descriptor: Int32, into output: inout [UInt8]) -> Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let ready = poll(&wanted, 1, Self.pollMilliseconds)
        guard ready > 0 else { return true }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0 { return errno == EINTR }
        output.append(contentsOf: buffer[..<count])
        if output.count > 2 * Self.outputBytesMax { output.removeFirst(output.count - Self.outputBytesMax) }
        return count > 0
    }

    private func wait(for child: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
