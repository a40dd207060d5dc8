import Core
import Glibc
import Media
import Testing

/// What the child can and cannot do, seen from outside.
@Suite struct MediaSandboxTests {
    /// Runs `cadenza media-worker selftest` on an empty input and returns its report.
    private func selfTest() throws -> [String: Int32] {
        var (ends, process): ([Int32], pid_t) = ([0, 0], 0)
        try #require(pipe(&ends) == 0)
        let secret = open("/etc/passwd", O_RDONLY)
        defer { close(secret) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/etc/hostname", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        // A descriptor that leaks into the child on purpose: the child closes it itself.
        posix_spawn_file_actions_adddup2(&actions, secret, 17)
        let texts: [String] = [MediaWorkerExecutable.standard.path, "media-worker", "selftest"]
        let words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
        defer { for word in words { free(word) } }
        try #require(posix_spawn(&process, texts[0], &actions, nil, words + [nil], [nil]) == 0)
        close(ends[1])
        defer { close(ends[0]) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends[0], &buffer, buffer.count), count > 0 { text += buffer.prefix(count) }
        var status: Int32 = 0
        waitpid(process, &status, 0)
        #expect(status == 0)
        var report: [String: Int32] = [:]
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: " ")
            report[String(parts[0])] = Int32(parts[1])
        }
        return report
    }

    @Test func `the sandbox refuses files, sockets, processes, signals and executable memory`() throws {
        let report = try selfTest()
        for attempt in [
            "open", "create", "unlink", "socket-inet", "socket-unix", "duplicate", "spawn", "signal-parent",
            "executable-memory", "ioctl",
        ] {
            #expect(report[attempt] == EPERM, "\(attempt)")
        }
        #expect(report["allocate"] == ENOMEM)
        #expect(report["inherited-descriptor"] == EBADF)
        #expect(report["small-allocation"] == 0)
        #expect(report["read-input"] == 0)
    }

    @Test func `no child and no descriptor is left, however a decoding ends`() async {
        // In a process of its own, where every descriptor and child is this test's.
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let good = scratch.file("good.flac")
            _ = try encode(tone(seconds: 8), .flac, to: good)
            let bad = try scratch.write(Array("not audio at all".utf8), "bad.mp3")
            func pass() {
                _ = try? decode(good)
                _ = try? decode(bad)
                _ = try? MediaInspector.probe(path: good)
                // Dropped half read, closed half read, cancelled half read.
                for ending in 0..<3 {
                    let flag = CancellationFlag()
                    guard let decoder = try? MediaDecoder(path: good, cancellation: flag) else { continue }
                    _ = try? decoder.read(frameCountMax: 1000)
                    if ending == 1 { decoder.close() }
                    if ending == 2 {
                        flag.raise()
                        _ = try? decoder.finish()
                    }
                }
            }
            pass()
            let before = Self.openDescriptors()
            for _ in 0..<5 { pass() }
            #expect(Self.openDescriptors() == before)
            #expect(Self.endedChildren().isEmpty)
        }
    }

    private static func openDescriptors() -> Int {
        (0..<1024).filter { fcntl($0, F_GETFD) >= 0 }.count
    }

    /// Children of this process that have ended and that nobody took.
    private static func endedChildren() -> Set<String> {
        guard let processes = opendir("/proc") else { return [] }
        defer { closedir(processes) }
        var found: Set<String> = []
        while let entry = readdir(processes) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Int(name) != nil, let stream = fopen("/proc/\(name)/stat", "r") else { continue }
            defer { fclose(stream) }
            var line = [UInt8](repeating: 0, count: 512)
            let length = fread(&line, 1, line.count, stream)
            // "pid (name) state parent …"; the name may hold anything.
            let text = String(decoding: line.prefix(length), as: UTF8.self)
            guard let end = text.lastIndex(of: ")") else { continue }
            let fields = text[text.index(after: end)...].split(separator: " ")
            if fields.count > 1, fields[0] == "Z", fields[1] == "\(getpid())" { found.insert(name) }
        }
        return found
    }

    @Test func `a raised flag ends a decoding that waits, and kills the child`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.flac")
        _ = try encode(tone(seconds: 20), .flac, to: path)
        let flag = CancellationFlag()
        let decoder = try MediaDecoder(path: path, cancellation: flag)
        #expect(try decoder.read(frameCountMax: 100)?.frameCount == 100)
        flag.raise()
        let start = monotonicNanoseconds()
        expectRefusal(.canceled) { _ = try decoder.finish() }
        #expect(monotonicNanoseconds() - start < 500_000_000)
        expectRefusal(.canceled) { _ = try decoder.read(frameCountMax: 1_000_000) }
    }

    @Test func `a deadline that has passed ends a decoding`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        _ = try encode(tone(seconds: 1), .wav16, to: path)
        let decoder = try MediaDecoder(path: path, deadlineSeconds: 0)
        expectRefusal(.deadlineExceeded) { _ = try decoder.finish() }
    }

    @Test func `a worker that dies or talks nonsense is an unreadable file, its cause kept apart`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        _ = try encode(tone(seconds: 1), .wav16, to: path)
        for impostor in ["/bin/true", "/bin/false", "/bin/echo"] {
            let decoder = try MediaDecoder(path: path, worker: MediaWorkerExecutable(path: impostor))
            do {
                _ = try decoder.probe()
                Issue.record("accepted")
            } catch {
                #expect(error.kind == .mediaUnreadable)
                #expect(error.internalCause?.hasPrefix("media worker:") == true)
            }
        }
        expectRefusal(.internalError) {
            _ = try MediaDecoder(path: path, worker: MediaWorkerExecutable(path: "/nonexistent")).probe()
        }
    }

    @Test func `a worker without memory is an unreadable file`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.flac")
        _ = try encode(tone(seconds: 1), .flac, to: path)
        var limits = MediaLimits()
        limits.workerMemoryBytesMax = 1 << 20
        expectRefusal(.mediaUnreadable) { _ = try decode(path, limits: limits) }
    }

    @Test func `the descriptor's own offset stays where it was`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        _ = try encode(tone(seconds: 1), .wav16, to: path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        lseek(descriptor, 7, SEEK_SET)
        #expect(try MediaDecoder(descriptor: descriptor).finish().frameCount == 44_100)
        #expect(lseek(descriptor, 0, SEEK_CUR) == 7)
    }
}
