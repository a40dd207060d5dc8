import Glibc
import Testing

/// The built executable, started as a process of its own and killed if a test forgets it.
final class Program {
    private let identifier: pid_t
    private let output: Int32
    private var ended = false

    /// - Parameters:
    ///   - environment: beside PATH, HOME and where the models are, all that the process sees.
    ///   - command: another program, to be found in PATH.
    init(_ arguments: [String], environment: [String: String], command: String? = nil) throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)

        let inherited = ["PATH", "HOME", "XDG_DATA_HOME", "CADENZA_MODELS_DIR"].compactMap {
            (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
        let path = try command ?? Self.path()
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        var variables = (inherited + environment.map { "\($0.key)=\($0.value)" }).map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        var identifier: pid_t = 0
        let status = posix_spawnp(&identifier, path, &actions, nil, &words, &variables)
        close(ends[1])
        try #require(status == 0, "posix_spawn: errno \(status)")
        self.identifier = identifier
        output = ends[0]
    }

    deinit {
        if !ended {
            kill(identifier, SIGKILL)
            waitpid(identifier, nil, 0)
        }
        close(output)
    }

    /// `cadenza` lies beside the tests' own executable.
    private static func path() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let end = try #require(own.lastIndex(of: "/"))
        return own[...end] + "cadenza"
    }

    /// The next line of its output, `nil` at the end.
    func line() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(output, &byte, 1) == 1 {
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    /// The rest of a line of its output that starts with `label`.
    func value(after label: String) throws -> String {
        while let line = line() {
            if line.hasPrefix(label) { return String(line.dropFirst(label.count)) }
        }
        throw Missing(label: label)
    }

    struct Missing: Error { let label: String }

    func signal(_ number: Int32) { kill(identifier, number) }

    /// Reads what is left of the output, waits for the end, and returns both; a signal counts as -1.
    func finish() -> (output: String, status: Int32) {
        var lines: [String] = []
        while let line = line() { lines.append(line) }
        var status: Int32 = 0
        waitpid(identifier, &status, 0)
        ended = true
        return (lines.joined(separator: "\n"), status & 0x7F == 0 ? status >> 8 & 0xFF : -1)
    }
}
