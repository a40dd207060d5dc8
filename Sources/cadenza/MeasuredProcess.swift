import Glibc

/// A program that ran to its end, what it printed and what it cost, its own children included.
struct MeasuredProcess {
    let status: Int32
    let output: [UInt8]
    let wallSeconds: Double
    let cpuSeconds: Double

    /// Runs `arguments` (the program first, looked up in PATH); its standard error is this process's.
    init(_ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Self.failure("pipe", errno) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        posix_spawn_file_actions_addclose(&actions, ends[1])
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let start = Self.now()
        var child: pid_t = 0
        let spawned = posix_spawnp(&child, arguments[0], &actions, nil, &words, environ)
        close(ends[1])
        guard spawned == 0 else { throw Self.failure(arguments[0], spawned) }
        output = Self.readAll(ends[0])
        var state: Int32 = 0
        var usage = rusage()
        while wait4(child, &state, 0, &usage) < 0 {
            guard errno == EINTR else { throw Self.failure("wait4", errno) }
        }
        status = state & 0x7F == 0 ? state >> 8 & 0xFF : 128 + state & 0x7F
        wallSeconds = Self.now() - start
        cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return content }
            content += chunk[..<count]
        }
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static func failure(_ what: String, _ number: Int32) -> CommandFailure {
        CommandFailure("\(what): \(errorText(number))", exit: .software)
    }
}
