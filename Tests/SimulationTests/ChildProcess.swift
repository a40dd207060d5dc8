import Glibc

/// This program once more, as a process of its own.
enum ChildProcess {
    /// Runs those of its tests that match; what they print is dropped. Returns the exit status; a signal counts as -1.
    static func test(_ filter: String, environment: [String]) async -> Int32 {
        await withUnsafeContinuation { waiter in
            startThread { waiter.resume(returning: run(filter, environment)) }
        }
    }

    private static func run(_ filter: String, _ environment: [String]) -> Int32 {
        let inherited = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"].compactMap { (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
        let arguments = ["tests", "--testing-library", "swift-testing", "--filter", filter]
        var words = arguments.map { strdup($0) } + [nil]
        var variables = (inherited + environment).map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in [1, 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var (identifier, status): (pid_t, Int32) = (0, 0)
        guard posix_spawn(&identifier, "/proc/self/exe", &actions, nil, &words, &variables) == 0 else { return -1 }
        while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    }
}
