import Core
import Database
import Postgres
import Support
import Synchronization
import Testing

@testable import JobQueue

/// Clocks that disagree, and clocks that are set: neither takes a task from a worker that lives.
@Suite(.timeLimit(.minutes(2))) struct QueueClockTests {
    @Test func `servers whose clocks are ten minutes apart take no living task from each other`() async throws {
        let (slow, fast) = (ManualTime(), ManualTime())
        fast.advance(seconds: 600)
        try await withPostgres { database, _ in
            let (here, there) = (TaskQueue(time: slow, clock: .database), TaskQueue(time: fast, clock: .database))
            let worker = WorkerIdentity(host: "slow", bootID: "b", pid: 1, startTicks: 1)
            for name in ["t", "u"] {
                try await database.write {
                    try await there.enqueue(name, kind: "work", fairnessKey: "a", payload: "", in: $0)
                }
            }
            // What the fast one put in may run at the slow one at once.
            let claims = try await database.write {
                try await here.claim(worker: worker, kinds: ["work"], limit: 9, in: $0)
            }
            #expect(claims.map(\.taskID) == ["t", "u"])
            #expect(claims.allSatisfy { $0.leaseExpiresAt.seconds(since: $0.claimedAt) == 30 })
            #expect(try await database.write { try await there.rescue(in: $0) }.isEmpty)
            #expect(try await database.write { try await there.heartbeat(claims, in: $0) }.count == 2)
            #expect(try await database.write { try await here.rescue(in: $0) }.isEmpty)
            // A pause of 500 seconds is one at either.
            _ = try await database.write { try await here.retry(claims[0], after: 500, in: $0) }
            for queue in [here, there] {
                let early = try await database.write {
                    try await queue.claim(worker: worker, kinds: ["work"], limit: 9, in: $0)
                }
                #expect(early.isEmpty)
            }
            try await database.write {
                try await $0.executeScript(
                    "UPDATE queue_tasks SET lease_expires_at = lease_expires_at - 31000 WHERE state = 'running'")
            }
            #expect(try await database.write { try await here.rescue(in: $0) }.requeued == ["u"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what a server knows to be alive is spared, whatever has become of its clock`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            for name in ["t", "u"] { try await line.add(name) }
            let claims = try await line.claim(2)
            line.time.setWallClock(line.time.now().adding(seconds: 600))
            let report = try await line.write { try await line.queue.rescue(sparing: [claims[0]], in: $0) }
            #expect(report.requeued == ["u"])
            #expect(try await line.write { try await line.queue.heartbeat(claims[0], in: $0) } == .held)
        }
    }

    @Test(arguments: Backend.allCases, [600.0, -600.0])
    func `a server whose clock is set goes on with what it runs`(_ backend: Backend, _ jump: Double) async throws {
        try await Line.open(backend) { line in
            let (running, next, release) = (Latch(), Latch(), Latch())
            let reasons = Mutex<[StopReason?]>([])
            var limits = ExecutorLimits()
            limits.pollSeconds = 0.02
            limits.slots = 2
            var hooks = ExecutorHooks()
            hooks.deadlineSeconds = { _ in 60 }
            hooks.rescued = { report, _ in
                Issue.record("rescued \(report)")
                return []
            }
            let executor = Executor(
                database: line.database, queue: line.queue, worker: line.worker, kinds: ["work"], limits: limits,
                hooks: hooks
            ) { claim, _ in
                if claim.taskID == "next" {
                    next.open()
                } else {
                    running.open()
                    await release.wait()
                    reasons.withLock { $0.append(claim.stopReason) }
                }
                _ = try? await line.write { try await line.queue.complete(claim, in: $0) }
            }
            try await line.add("t")
            executor.start()
            await running.wait()
            line.time.setWallClock(line.time.now().adding(seconds: jump))
            // A rescue is due by now, a heartbeat is not.
            line.time.advance(seconds: 5)
            try await line.add("next", key: "b", runIn: -1000)
            await next.wait()
            release.open()
            await executor.shutdown(graceSeconds: 10)
            #expect(reasons.withLock { $0 } == [nil])
            #expect(try await line.state("t") == "completed")
        }
    }
}
