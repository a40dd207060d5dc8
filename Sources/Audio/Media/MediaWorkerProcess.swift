internal import CLinux
internal import Core
internal import Glibc

/// The executable whose `media-worker` subcommand is `MediaWorker.run(arguments:)`.
public struct MediaWorkerExecutable: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    /// This process's own executable; inside a test bundle, the `cadenza` that was built next to it.
    public static let standard: MediaWorkerExecutable = {
        let own = "/proc/self/exe"
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let length = readlink(own, &buffer, buffer.count)
        let resolved = String(decoding: buffer.prefix(max(0, length)), as: UTF8.self)
        guard resolved.hasSuffix(".xctest"), let slash = resolved.lastIndex(of: "/") else {
            return MediaWorkerExecutable(path: own)
        }
        return MediaWorkerExecutable(path: resolved[..<slash] + "/cadenza")
    }()
}

/// A running child and the reading end of its pipe.
final class MediaWorkerProcess {
    enum End: Equatable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    private let processID: pid_t
    private var output: Int32
    private var end: End?
    private let cancellation: CancellationFlag?
    private let deadline: UInt64?

    /// How long a raised flag may go unseen.
    private static let pollMilliseconds: Int32 = 100
    /// How long a child that has closed its pipe may take to end, and how often it is looked at.
    private static let endingNanosecondsMax: UInt64 = 2_000_000_000
    private static let endingPauseMillisecondsMax: Int32 = 50

    init(
        _ executable: MediaWorkerExecutable, request: MediaWorkerRequest, input: Int32,
        cancellation: CancellationFlag?, deadlineSeconds: Double?
    ) throws(MediaError) {
        self.cancellation = cancellation
        deadline = deadlineSeconds.map { monotonicNanoseconds() + UInt64(max(0, $0) * 1e9) }
        var (reading, writing): (Int32, Int32) = (-1, -1)
        let piped = cadenza_worker_pipe(&reading, &writing)
        guard piped == 0 else { throw Self.noProcess("pipe", piped) }
        defer { Glibc.close(writing) }
        var child: pid_t = 0
        let spawned = Self.withArguments([executable.path, "media-worker"] + request.arguments) { arguments in
            Self.withArguments(Self.environment) { environment in
                cadenza_worker_spawn(executable.path, arguments, environment, input, writing, &child)
            }
        }
        guard spawned == 0 else {
            Glibc.close(reading)
            throw Self.noProcess("posix_spawn of \(executable.path)", spawned)
        }
        processID = child
        output = reading
    }

    deinit { kill() }

    /// Only what the dynamic loader may need: no secret of the parent's reaches the child. A crash is expected
    /// of it, and the backtracer would hold it for minutes.
    private static var environment: [String] {
        var kept = ["SWIFT_BACKTRACE=enable=no"]
        if let path = getenv("LD_LIBRARY_PATH") { kept.append("LD_LIBRARY_PATH=" + String(cString: path)) }
        return kept
    }

    private static func noProcess(_ call: String, _ code: Int32) -> MediaError {
        MediaError(
            .internalError, "The media worker could not be started",
            cause: "\(call): \(String(cString: strerror(code)))")
    }

    private static func withArguments<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        // SAFETY: strings and table live until `body` returns; the table ends in nil.
        return (copies + [nil]).withUnsafeBufferPointer { table in
            guard let base = table.baseAddress else { preconditionFailure("the table holds at least its nil") }
            return body(base)
        }
    }

    /// Fills `buffer`; gives the bytes read, fewer only when the child has closed its end.
    func outcome(ofReadingInto buffer: UnsafeMutableRawBufferPointer) -> Result<Int, MediaError> {
        Result { () throws(MediaError) in try read(into: buffer) }
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer) throws(MediaError) -> Int {
        var filled = 0
        while filled < buffer.count {
            try checkInterruption()
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = Glibc.read(output, rest.baseAddress, rest.count)
            if count > 0 {
                filled += count
            } else if count == 0 {
                return filled
            } else if errno == EAGAIN {
                waitForOutput()
            } else if errno != EINTR {
                throw MediaError(
                    .internalError, "The media worker's pipe failed", cause: String(cString: strerror(errno)))
            }
        }
        return filled
    }

    private func waitForOutput() {
        var descriptor = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        _ = poll(&descriptor, 1, Self.pollMilliseconds)
    }

    /// Throws and kills the child where the flag is raised or the deadline has passed.
    func checkInterruption() throws(MediaError) {
        if let cancellation, cancellation.isRaised {
            kill()
            throw MediaError(.canceled, "The decoding was canceled")
        }
        if let deadline, monotonicNanoseconds() > deadline {
            kill()
            throw MediaError(.deadlineExceeded, "The file took too long to decode")
        }
    }

    /// Whether `kill` was what ended the child, or tried to.
    private(set) var isKilledByUs = false

    /// Kills the child unless it has ended, and takes its status: no zombie stays. Idempotent.
    func kill() {
        guard end == nil else { return }
        closeOutput()
        isKilledByUs = true
        _ = Glibc.kill(processID, SIGKILL)
        take(options: 0)
    }

    private func closeOutput() {
        if output >= 0 { Glibc.close(output) }
        output = -1
    }

    /// Waits for a child that has closed its pipe, and closes the parent's end; a child that does not end, because
    /// it sleeps or computes on, is killed.
    func wait() -> End {
        closeOutput()
        let patience = monotonicNanoseconds() + Self.endingNanosecondsMax
        var pause: Int32 = 1
        while true {
            if let end { return end }
            take(options: WNOHANG)
            if end != nil { continue }
            if isInterrupted || monotonicNanoseconds() > patience {
                kill()
            } else {
                _ = poll(nil, 0, pause)
                pause = min(2 * pause, Self.endingPauseMillisecondsMax)
            }
        }
    }

    private var isInterrupted: Bool {
        cancellation?.isRaised == true || deadline.map { monotonicNanoseconds() > $0 } == true
    }

    /// Takes the child's status if it is there, or waits for it where `options` is 0.
    private func take(options: Int32) {
        var status: Int32 = 0
        var answer: pid_t
        repeat { answer = waitpid(processID, &status, options) } while answer < 0 && errno == EINTR
        guard answer != 0 else { return }
        let signal = status & 0x7F
        // ECHILD: the host ignores SIGCHLD and the system has reaped the child already.
        end = answer < 0 ? .exited(-1) : signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: signal)
    }
}
