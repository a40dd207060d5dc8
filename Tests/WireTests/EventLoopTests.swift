import Core
import Glibc
import Reactor
import Synchronization
import Testing

@Suite struct EventLoopTests {
    private static func withLoop<Value>(_ body: (EventLoop) async throws -> Value) async throws -> Value {
        let loop = try EventLoop(name: "test-loop")
        defer { loop.stop() }
        return try await body(loop)
    }

    @Test func `a task that prefers the loop runs on its thread, also after suspensions`() async throws {
        try await Self.withLoop { loop in
            let places = await Task(executorPreference: loop) {
                var places = [loop.isCurrent]
                await Task.yield()
                places.append(loop.isCurrent)
                await Task { @concurrent in }.value
                places.append(loop.isCurrent)
                return places
            }.value
            #expect(places == [true, true, true])
            #expect(!loop.isCurrent)
        }
    }

    @Test func `work from many threads is all done, each thread's in its order`() async throws {
        try await Self.withLoop { loop in
            let seen = Seen()
            await withTaskGroup(of: Void.self) { group in
                for producer in 0..<4 {
                    group.addTask {
                        for number in 0..<1000 {
                            loop.later { seen.numbers.withLock { $0[producer].append(number) } }
                        }
                        await withCheckedContinuation { done in loop.later { done.resume() } }
                    }
                }
            }
            for numbers in seen.numbers.withLock({ $0 }) { #expect(numbers == Array(0..<1000)) }
        }
    }

    @Test func `timers fire on the loop, earliest first, cancelled ones not at all`() async throws {
        try await Self.withLoop { loop in
            let fired = await withCheckedContinuation { (done: CheckedContinuation<[String], Never>) in
                loop.execute {
                    let order = Order()
                    _ = loop.after(seconds: 0.02) { done.resume(returning: order.names + ["late"]) }
                    _ = loop.after(seconds: 0.001) { order.names.append("early") }
                    let cancelled = loop.after(seconds: 0.002) { order.names.append("cancelled") }
                    loop.cancel(cancelled)
                }
            }
            #expect(fired == ["early", "late"])
        }
    }

    @Test func `a flood of tasks does not starve timers`() async throws {
        try await Self.withLoop { loop in
            let isDone = Flag()
            let flood = Task(executorPreference: loop) {
                while !isDone.isRaised.load(ordering: .relaxed) { await Task.yield() }
            }
            await withCheckedContinuation { fired in
                loop.execute { _ = loop.after(seconds: 0.005) { fired.resume() } }
            }
            isDone.isRaised.store(true, ordering: .relaxed)
            await flood.value
        }
    }

    @Test func `a watched descriptor is told of until it is read, and of what it is watched for`() async throws {
        try await Self.withLoop { loop in
            let log = await withCheckedContinuation { (done: CheckedContinuation<[String], Never>) in
                loop.execute {
                    do {
                        try OneByteReader(loop, done).start()
                    } catch {
                        done.resume(returning: ["\(error)"])
                    }
                }
            }
            #expect(log == ["readable", "readable", "readable", "writable"])
        }
    }

    @Test func `a loop that cannot start leaves no descriptor open`() async {
        // In a process of its own: the limit would hit every test that runs beside it.
        await #expect(processExitsWith: .success) {
            await openRuntimeDescriptors()
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = 256
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var fillers: [Int32] = []
            while case let filler = dup(0), filler >= 0 { fillers.append(filler) }
            // Room for one descriptor: the loop needs two.
            close(fillers.removeLast())
            for _ in 0..<3 { #expect(throws: SystemCallError.self) { _ = try EventLoop(name: "test-loop") } }
            let free = dup(0)
            #expect(free >= 0)
        }
    }

    @Test func `work queued before the stop is done`() async throws {
        let loop = try EventLoop(name: "test-loop")
        let count = Count()
        await withCheckedContinuation { done in
            loop.later {
                loop.stop()
                for _ in 0..<2000 { loop.later { count.value.wrappingAdd(1, ordering: .relaxed) } }
                loop.later { done.resume() }
            }
        }
        #expect(count.value.load(ordering: .relaxed) == 2000)
    }

    private func endedLoop() async throws -> EventLoop {
        let loop = try EventLoop(name: "test-loop")
        loop.stop()
        var hasEnded = false
        while !hasEnded {
            hasEnded = await withCheckedContinuation { done in
                let caller = pthread_self()
                loop.execute { done.resume(returning: pthread_self() == caller) }
            }
        }
        return loop
    }

    @Test func `what a call after the end queues is all done, however much it is`() async throws {
        let loop = try await endedLoop()
        let count = Count()
        loop.execute {
            for _ in 0..<2000 {
                loop.later { loop.later { count.value.wrappingAdd(1, ordering: .relaxed) } }
            }
        }
        #expect(count.value.load(ordering: .relaxed) == 2000)
    }

    @Test func `a call after the end runs where it is made, as on the loop, and so does what it calls`() async throws {
        let loop = try await endedLoop()
        let order = Order()
        loop.execute {
            loop.assertOnLoop()
            loop.later { order.names.append("later") }
            loop.execute { order.names.append("at once") }
            order.names.append("itself")
        }
        #expect(order.names == ["at once", "itself", "later"])
        #expect(!loop.isCurrent)
    }
}

private final class Seen: Sendable {
    let numbers = Mutex<[[Int]]>(Array(repeating: [], count: 4))
}

private final class Flag: Sendable {
    let isRaised = Atomic<Bool>(false)
}

private final class Count: Sendable {
    let value = Atomic<Int>(0)
}

private final class Order: @unchecked Sendable {
    // SAFETY: touched on one loop's thread only, or after its end on the test's.
    var names: [String] = []
}

/// Reads three waiting bytes one at a time, then waits until it can write. Touched on its loop's thread only.
private final class OneByteReader: EventSource {
    private let loop: EventLoop
    private let done: CheckedContinuation<[String], Never>
    private var ends: [Int32] = [-1, -1]
    private var registration: Registration?
    private var log: [String] = []

    init(_ loop: EventLoop, _ done: CheckedContinuation<[String], Never>) {
        self.loop = loop
        self.done = done
    }

    func start() throws {
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        _ = write(ends[1], "abc", 3)
        registration = try loop.watch(descriptor: ends[0], for: .readable, self)
    }

    func ready(_ events: ReadyEvents) {
        guard let registration else { return }
        log.append(events.contains(.writable) ? "writable" : "readable")
        var byte: UInt8 = 0
        if events.contains(.readable) { _ = read(ends[0], &byte, 1) }
        if byte == UInt8(ascii: "c") { loop.watch(descriptor: ends[0], for: .writable, registration) }
        guard events.contains(.writable) else { return }
        loop.deregister(descriptor: ends[0], registration)
        self.registration = nil
        for end in ends { close(end) }
        done.resume(returning: log)
    }
}
