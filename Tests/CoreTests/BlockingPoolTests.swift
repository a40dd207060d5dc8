import Core
import Glibc
import Synchronization
import Testing

@Suite struct BlockingPoolTests {
    private struct Refusal: Error, Equatable {}

    private static func threadName() -> String {
        let descriptor = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var name = [UInt8](repeating: 0, count: 16)
        let count = read(descriptor, &name, name.count)
        return String(decoding: name.prefix(max(0, count - 1)), as: UTF8.self)
    }

    @Test func `work runs on the pool's own threads and its value comes back`() async throws {
        let pool = BlockingPool(name: "tested", threads: 2)
        #expect(try await pool.run { Self.threadName() }.hasPrefix("tested-"))
    }

    @Test func `an error of the work is thrown to the caller`() async {
        let pool = BlockingPool(name: "throws", threads: 1)
        await #expect(throws: Refusal()) { try await pool.run { throw Refusal() } }
    }

    @Test func `a pool of one thread runs its work in order, one at a time`() async {
        let pool = BlockingPool(name: "single", threads: 1)
        let order = Tally()
        let tasks = (0..<3000).map { index in Task(executorPreference: pool) { order.add(index) } }
        for task in tasks { await task.value }
        #expect(order.values == Array(0..<3000))
    }

    @Test func `a pool of two threads runs two pieces of work at once`() async throws {
        let pool = BlockingPool(name: "double", threads: 2)
        let pipe = try Pipe()
        // Each waits for what the other writes: with one thread this would never end.
        async let first: UInt8 = pool.run { pipe.first.exchange(1) }
        async let second: UInt8 = pool.run { pipe.second.exchange(2) }
        #expect(try await first == 2)
        #expect(try await second == 1)
    }

    @Test func `a released pool finishes what it was given`() async {
        let done = Tally()
        let tasks = {
            let pool = BlockingPool(name: "released", threads: 3)
            return (0..<100).map { index in Task(executorPreference: pool) { done.add(index) } }
        }()
        for task in tasks { await task.value }
        #expect(done.values.sorted() == Array(0..<100))
    }
}

private final class Tally: Sendable {
    private let list = Mutex<[Int]>([])

    var values: [Int] { list.withLock { $0 } }

    func add(_ value: Int) { list.withLock { $0.append(value) } }
}

/// The two ends of a socket pair.
private struct Pipe {
    struct End: Sendable {
        let descriptor: Int32

        /// Writes `byte` and waits for the other end's.
        func exchange(_ byte: UInt8) -> UInt8 {
            var byte = byte
            write(descriptor, &byte, 1)
            read(descriptor, &byte, 1)
            close(descriptor)
            return byte
        }
    }
    let first: End
    let second: End

    init() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        first = End(descriptor: ends[0])
        second = End(descriptor: ends[1])
    }
}
