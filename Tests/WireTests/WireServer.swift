import Core
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Telemetry
import Testing

/// A real server on 127.0.0.1 for the time of `body`, on one loop unless configured otherwise.
func withServer<Value>(
    configure: (inout ServerConfiguration) -> Void = { _ in }, metrics: Metrics = Metrics(),
    respond: @escaping Server.Respond, _ body: (UInt16) async throws -> Value
) async throws -> Value {
    try await withServer(
        configure: configure, metrics: metrics, answer: { request in .later { await respond(request) } }, body)
}

/// The same with a server that may answer at once.
func withServer<Value>(
    configure: (inout ServerConfiguration) -> Void = { _ in }, metrics: Metrics = Metrics(),
    answer: @escaping Server.Answering, _ body: (UInt16) async throws -> Value
) async throws -> Value {
    let silence = open("/dev/null", O_WRONLY | O_CLOEXEC)
    defer { close(silence) }
    let log = Logger(level: .error, descriptor: silence)
    var configuration = ServerConfiguration { refusal, _ in
        Response(
            status: refusal.status,
            body: .bytes(JSON.object([.init("code", .string(refusal.code.rawValue))]).encoded))
    }
    configuration.loops = 1
    configuration.limits.drainSeconds = 5
    configuration.limits.lingerSeconds = 2
    configure(&configuration)
    let server = Server(configuration: configuration, log: log, metrics: metrics, answer: answer)
    let port = try server.start()
    let result: Result<Value, any Error>
    do { result = .success(try await withThreads { try await body(port) }) } catch { result = .failure(error) }
    await server.drain()
    await log.flush()
    return try result.get()
}

/// Runs `body` on threads of its own: its clients block, and blocked threads of the shared pool would hold up every
/// other test.
func withThreads<Value>(_ body: () async throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(BlockingPool(name: "client", threads: 4), operation: body)
}

/// Answers what it was asked: the path, then the body.
@Sendable func echo(_ request: Request) async -> Response {
    do {
        let body = try await request.body.collect(bytesMax: 1 << 24)
        return Response(status: 200, body: .bytes(Array(request.head.path.utf8) + Array(" ".utf8) + body))
    } catch {
        return Response(status: 408, body: .bytes(Array("\(error)".utf8)))
    }
}

/// Closed until it is opened, once; then it lets everyone through.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { waiter in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(waiter) }
                return state.isOpen
            }
            if isOpen { waiter.resume() }
        }
    }
}

/// A value behind a lock.
final class Locked<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func get() -> Value { value.withLock { $0 } }

    func set(_ new: Value) { value.withLock { $0 = new } }
}

/// Suspends until the task is cancelled.
func untilCancelled() async {
    let gate = Gate()
    await withTaskCancellationHandler {
        await gate.wait()
    } onCancel: {
        gate.open()
    }
}

/// A regular file of pseudo-random bytes, gone when the test ends; the closure gives the bytes of a range.
func withFile<Value>(
    byteCount: Int, _ body: (String, @Sendable (Range<Int>) -> [UInt8]) async throws -> Value
) async throws -> Value {
    var template = Array("/tmp/cadenza-wire-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    try #require(descriptor >= 0)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { unlink(path) }
    // A prime period: no slice or page size hides a wrong offset.
    var generator = SeededGenerator(seed: 11)
    let block = (0..<65_521).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let bytes: @Sendable (Range<Int>) -> [UInt8] = { range in
        var result: [UInt8] = []
        while result.count < range.count {
            let place = (range.lowerBound + result.count) % block.count
            result += block[place...].prefix(range.count - result.count)
        }
        return result
    }
    let all = bytes(0..<byteCount)
    try #require(write(descriptor, all, all.count) == byteCount)
    close(descriptor)
    return try await body(path, bytes)
}
