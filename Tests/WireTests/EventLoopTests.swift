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

/// Touched on one loop's thread only.
private final class Order {
    var names: [String] = []
}
