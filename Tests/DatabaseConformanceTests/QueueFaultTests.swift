import Core
import Database
import JobQueue
import Postgres
import Support
import Synchronization
import Testing

/// Faults between servers and their database: nobody is counted as dead who is not, and nobody waits for who is.
@Suite(.timeLimit(.minutes(2))) struct QueueFaultTests {
    private static let quick: ExecutorLimits = {
        var limits = ExecutorLimits()
        limits.pollSeconds = 0.02
        limits.stopSeconds = 0
        return limits
    }()

    @Test(arguments: Backend.allCases, [true, false])
    func `a claim of which nobody knows whether it was made is given back, and nobody has died of it`(
        _ backend: Backend, _ isMade: Bool
    ) async throws {
        try await Line.open(backend) { line in
            let database = FaultyDatabase(line.database)
            let done = Latch()
            let seen = Mutex<[Claim]>([])
            let isFirst = CancellationFlag()
            var hooks = ExecutorHooks()
            hooks.claimed = { _, _ in
                if !isFirst.isRaised { database.failNextCommit(isMade ? .answerLost : .commitLost) }
                isFirst.raise()
                return []
            }
            let executor = Executor(
                database: database, queue: line.queue, worker: line.worker, kinds: ["work"], limits: Self.quick,
                hooks: hooks
            ) { claim, _ in
                seen.withLock { $0.append(claim) }
                _ = try? await line.write { try await line.queue.complete(claim, in: $0) }
                done.open()
            }
            try await line.add("t")
            executor.start()
            await done.wait()
            await executor.shutdown(graceSeconds: 10)
            let claims = seen.withLock { $0 }
            #expect(claims.map(\.attempt) == [isMade ? 2 : 1])
            #expect(claims.map(\.deaths) == [0])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what a shutdown gives back while the database is busy is given back all the same`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            let database = FaultyDatabase(line.database)
            let (started, release) = (Latch(), Latch())
            let executor = Executor(
                database: database, queue: line.queue, worker: line.worker, kinds: ["work"], limits: Self.quick
            ) { _, _ in
                started.open()
                await release.wait()
            }
            try await line.add("t")
            executor.start()
            await started.wait()
            database.beBusy(3)
            await executor.shutdown(graceSeconds: 0)
            release.open()
            let again = try await line.one()
            #expect(again.deaths == 0 && again.attempt == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a claim that another server keeps waiting is no error, and is made at the next poll`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            let database = FaultyDatabase(line.database)
            let done = Latch()
            let turns = Mutex(0)
            var hooks = ExecutorHooks()
            hooks.failed = { Issue.record("\($0)") }
            hooks.claimed = { _, _ in
                let turn = turns.withLock { turns in
                    turns += 1
                    return turns
                }
                if turn == 1 { throw QueueError.database(.busy) }
                return []
            }
            let executor = Executor(
                database: database, queue: line.queue, worker: line.worker, kinds: ["work"], limits: Self.quick,
                hooks: hooks
            ) { claim, _ in
                _ = try? await line.write { try await line.queue.complete(claim, in: $0) }
                done.open()
            }
            try await line.add("t")
            executor.start()
            await done.wait()
            await executor.shutdown(graceSeconds: 10)
            #expect(try await line.state("t") == "completed")
        }
    }

    @Test func `a server that stops in the middle of its claim is put out, and the others go on`() async throws {
        let time = ManualTime()
        try await withPostgres(time: time) { database, address in
            let line = Line(database: database, time: time, queue: TaskQueue(time: time))
            // Nothing but the claim's own limit puts it out.
            var limits = PostgresLimits.unhurried
            limits.idleInTransactionSeconds = 0
            let frozen = try await PostgresDatabase.open(
                address, loops: PostgresServer.loops, time: time, limits: limits)
            try await line.add("t")
            let (claimed, thaw) = (Latch(), Latch())
            let queue = line.queue
            async let end: String = {
                do {
                    try await frozen.write { connection in
                        let worker = WorkerIdentity(host: "frozen", bootID: "b", pid: 1, startTicks: 1)
                        let claims = try await queue.claim(worker: worker, kinds: ["work"], limit: 1, in: connection)
                        #expect(claims.count == 1)
                        claimed.open()
                        await thaw.wait()
                        _ = try await queue.complete(claims, in: connection)
                    }
                    return "committed"
                } catch {
                    return "put out"
                }
            }()
            await claimed.wait()
            #expect(try await line.names(1) == ["t"])
            thaw.open()
            #expect(await end == "put out")
            await frozen.close()
        }
    }
}
