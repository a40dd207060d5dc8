import Core
import Database
import JobQueue
import Support
import Synchronization
import Testing

/// What an executor's handlers saw.
private final class Diary: Sendable {
    private let lines = Mutex<[String]>([])

    func write(_ line: String) { lines.withLock { $0.append(line) } }

    var all: [String] { lines.withLock { $0 } }
}

@Suite(.timeLimit(.minutes(1))) struct ExecutorTests {
    /// Polls too rarely to matter, so that only wake-ups move it.
    private var quiet: ExecutorLimits {
        var limits = ExecutorLimits()
        limits.pollSeconds = 3600
        limits.slots = 2
        return limits
    }

    private func executor(
        _ line: Line, hooks: ExecutorHooks = ExecutorHooks(), _ handler: @escaping Executor.Handler
    ) -> Executor {
        Executor(
            database: line.database, queue: line.queue, worker: line.worker, kinds: ["work"], limits: quiet,
            hooks: hooks, handler: handler)
    }

    @Test(arguments: Backend.allCases)
    func `a wake-up after the commit runs the task to its end`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let done = Latch()
            let executor = executor(line) { claim, _ in
                let settled = try? await line.write { try await line.queue.complete(claim, in: $0) }
                #expect(settled == true)
                done.open()
            }
            executor.start()
            try await line.write { connection in
                try await line.queue.enqueue("t", kind: "work", fairnessKey: "a", payload: "", in: connection)
                connection.afterCommit { executor.wake() }
            }
            await done.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(try await line.state("t") == "completed")
        }
    }

    @Test(arguments: Backend.allCases)
    func `what a handler leaves unsettled is tried again without a lease's wait and without a death`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            let done = Latch()
            let diary = Diary()
            let executor = executor(line) { claim, _ in
                diary.write("\(claim.attempt), \(claim.deaths) deaths")
                if claim.attempt < 8 { return claim.leaveUnsettled() }
                _ = try? await line.write { try await line.queue.complete(claim, in: $0) }
                done.open()
            }
            try await line.add("t")
            executor.start()
            await done.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(diary.all == (1...8).map { "\($0), 0 deaths" })
            #expect(try await line.state("t") == "completed")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a cancellation raises the flag of the running handler`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let started = Latch()
            let ended = Latch()
            let diary = Diary()
            let executor = executor(line) { claim, flag in
                started.open()
                while !flag.isRaised { await Task.yield() }
                diary.write("\(claim.stopReason.map { "\($0)" } ?? "none")")
                _ = try? await line.write { try await line.queue.markCanceled(claim, in: $0) }
                ended.open()
            }
            try await line.add("t")
            executor.start()
            await started.wait()
            try await line.write { connection in
                let outcome = try await line.queue.cancel("t", in: connection)
                #expect(outcome == .signalled)
                connection.afterCommit { executor.wake() }
            }
            await ended.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(diary.all == ["cancelRequested"])
            #expect(try await line.state("t") == "canceled")
        }
    }

    @Test(arguments: Backend.allCases)
    func `an attempt past its deadline is stopped`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let started = Latch()
            let ended = Latch()
            let diary = Diary()
            var hooks = ExecutorHooks()
            hooks.deadlineSeconds = { _ in 20 }
            let executor = executor(line, hooks: hooks) { claim, flag in
                started.open()
                while !flag.isRaised { await Task.yield() }
                diary.write("\(claim.stopReason.map { "\($0)" } ?? "none")")
                _ = try? await line.write { try await line.queue.fail(claim, in: $0) }
                ended.open()
            }
            try await line.add("t")
            executor.start()
            await started.wait()
            line.time.advance(seconds: 20)
            executor.wake()
            await ended.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(diary.all == ["deadline"])
            #expect(try await line.state("t") == "failed")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a shutdown gives back what a handler cannot finish`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let started = Latch()
            let diary = Diary()
            var hooks = ExecutorHooks()
            hooks.rescued = { report, _ in
                diary.write("requeued \(report.requeued)")
                return []
            }
            let executor = executor(line, hooks: hooks) { claim, flag in
                started.open()
                while !flag.isRaised { await Task.yield() }
                diary.write("\(claim.stopReason.map { "\($0)" } ?? "none")")
            }
            try await line.add("t")
            executor.start()
            await started.wait()
            await executor.shutdown(graceSeconds: 0)
            #expect(diary.all == ["shutdown", "requeued [\"t\"]"])
            let again = try await line.one()
            #expect(again.deaths == 0 && again.failures == 0 && again.attempt == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a start takes over from a dead predecessor, and tells the owner in the same transaction`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            let here = line.worker
            let dead = WorkerIdentity(
                host: here.host, bootID: here.bootID, pidNamespace: here.pidNamespace, pid: 1 << 30, startTicks: 1)
            try await line.add("t")
            _ = try await line.claim(1, worker: dead)
            let done = Latch()
            let diary = Diary()
            var hooks = ExecutorHooks()
            hooks.rescued = { report, _ in
                diary.write("requeued \(report.requeued)")
                return []
            }
            hooks.claimed = { claims, _ in
                diary.write("claimed \(claims.map(\.attempt))")
                return []
            }
            let executor = executor(line, hooks: hooks) { claim, _ in
                _ = try? await line.write { try await line.queue.complete(claim, in: $0) }
                done.open()
            }
            executor.start()
            await done.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(diary.all == ["requeued [\"t\"]", "claimed [2]"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `no more tasks run at once than there are slots, and all of them run`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            let running = Mutex((now: 0, most: 0, done: 0))
            let all = Latch()
            for number in 0..<20 { try await line.add("t\(number)") }
            let executor = executor(line) { claim, _ in
                running.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
                for _ in 0..<20 { await Task.yield() }
                _ = try? await line.write { try await line.queue.complete(claim, in: $0) }
                let done = running.withLock {
                    $0.now -= 1
                    $0.done += 1
                    return $0.done
                }
                if done == 20 { all.open() }
            }
            executor.start()
            await all.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(running.withLock { $0.most } <= 2)
        }
    }
}
