import Core
import Database
import JobQueue
import Support
import Testing

/// A queue on a fresh database, and its calls with less ceremony.
struct Line: Sendable {
    let database: any SQLDatabase
    let time: ManualTime
    let queue: TaskQueue
    let worker = WorkerIdentity(host: "here", bootID: "boot-1", pidNamespace: "ns-1", pid: 10, startTicks: 100)

    static func open<Value: Sendable>(
        _ backend: Backend, limits: QueueLimits = QueueLimits(), _ body: (Line) async throws -> Value
    ) async throws -> Value {
        let time = ManualTime()
        return try await backend.withDatabase(time: time) { database in
            try await body(Line(database: database, time: time, queue: TaskQueue(time: time, limits: limits)))
        }
    }

    /// Limits under which one key may run as much as it likes.
    static var unlimitedKeys: QueueLimits {
        var limits = QueueLimits()
        limits.runningPerKeyMax = 1000
        return limits
    }

    static var manyRunning: QueueLimits {
        var limits = QueueLimits()
        limits.runningPerKeyMax = 100_000
        return limits
    }

    func add(_ id: String, key: String = "a", kind: String = "work", priority: Int = 0, runIn: Double = 0) async throws
    {
        let runAt = time.now().adding(seconds: runIn)
        try await write {
            try await queue.enqueue(
                id, kind: kind, fairnessKey: key, priority: priority, payload: "for \(id)", runAt: runAt, in: $0)
        }
    }

    func claim(_ limit: Int = 1, kinds: [String] = ["work"], worker: WorkerIdentity? = nil) async throws -> [Claim] {
        let worker = worker ?? self.worker
        return try await write { try await queue.claim(worker: worker, kinds: kinds, limit: limit, in: $0) }
    }

    func one() async throws -> Claim { try #require(try await claim().first) }

    func names(_ limit: Int) async throws -> [String] { try await claim(limit).map(\.taskID) }

    func rescue() async throws -> RescueReport { try await write { try await queue.rescue(in: $0) } }

    func state(_ id: String) async throws -> String {
        try await database.read { connection in
            let rows = try await connection.query("SELECT state FROM queue_tasks WHERE id = $1", [.text(id)])
            return try rows.first?.text("state") ?? "absent"
        }
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await database.write(body)
    }
}

@Suite struct JobQueueTests {
    @Test(arguments: Backend.allCases)
    func `many workers at once never claim the same task`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            for number in 0..<60 { try await line.add("t\(number)", key: "k\(number % 7)") }
            let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<12 { group.addTask { try await line.names(6) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 60)
            #expect(Set(claimed).count == 60)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a claim carries what was enqueued and counts the attempt`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("t")
            let claim = try await line.one()
            #expect(claim.taskID == "t" && claim.kind == "work" && claim.payload == "for t")
            #expect(claim.attempt == 1 && claim.failures == 0 && claim.deaths == 0)
            #expect(claim.leaseExpiresAt == line.time.now().adding(seconds: 30))
            _ = try await line.write { try await line.queue.snooze(claim, seconds: 0, in: $0) }
            let second = try await line.one()
            #expect(second.attempt == 2 && second.token != claim.token)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a task's name is used once, and its sizes are bounded`(_ backend: Backend) async throws {
        var limits = QueueLimits()
        limits.payloadBytesMax = 10
        limits.identifierBytesMax = 10
        try await Line.open(backend, limits: limits) { line in
            try await line.add("t")
            await #expect(throws: QueueError.duplicateTask) { try await line.add("t") }
            await #expect(throws: QueueError.payloadTooLarge(bytesMax: 10)) { try await line.add("long-name") }
            await #expect(throws: QueueError.identifierTooLong(bytesMax: 10)) {
                try await line.add("u", key: "an overlong key")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `higher priorities go first, then older ones`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            try await line.add("low", priority: -1)
            try await line.add("first")
            line.time.advance(seconds: 1)
            try await line.add("second")
            try await line.add("high", priority: 5)
            try await line.add("other", key: "b")
            try await line.add("higher", priority: 5)
            #expect(try await line.names(10) == ["high", "higher", "other", "first", "second", "low"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `fairness keys take turns, however many tasks one of them has`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            for number in 0..<4 { try await line.add("a\(number)", key: "a") }
            line.time.advance(seconds: 1)
            for number in 0..<2 { try await line.add("b\(number)", key: "b") }
            try await line.add("c0", key: "c")
            #expect(try await line.names(2) == ["a0", "b0"])
            try await line.add("d0", key: "d")
            #expect(try await line.names(10) == ["c0", "d0", "a1", "b1", "a2", "a3"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a key at its limit is passed over until one of its tasks ends`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            for number in 0..<4 { try await line.add("a\(number)", key: "a") }
            try await line.add("b0", key: "b")
            let claims = try await line.claim(10)
            #expect(claims.map(\.taskID) == ["a0", "b0", "a1"])
            #expect(try await line.names(10) == [])
            #expect(try await line.write { try await line.queue.complete(claims[0], in: $0) })
            #expect(try await line.names(10) == ["a2"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a task is never claimed early, and never by a worker of another kind`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("later", priority: 9, runIn: 10)
            try await line.add("other", kind: "rest")
            let none = try await line.names(10)
            #expect(none == [])
            line.time.advance(seconds: 9.999)
            #expect(try await line.names(10) == [])
            line.time.advance(seconds: 0.001)
            #expect(try await line.names(10) == ["later"])
            let rest = try await line.claim(10, kinds: ["rest", "work"])
            #expect(rest.map(\.taskID) == ["other"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `the position says after how many claims it is a task's turn`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            for number in 0..<3 { try await line.add("a\(number)", key: "a") }
            for number in 0..<2 { try await line.add("b\(number)", key: "b") }
            try await line.add("c0", key: "c", priority: 1)
            var predicted: [Int: String] = [:]
            for name in ["a0", "a1", "a2", "b0", "b1", "c0"] {
                let position = try await line.database.read { try await line.queue.position(of: name, in: $0) }
                predicted[try #require(position)] = name
            }
            let claimed = try await line.names(10)
            #expect((1...6).map { predicted[$0] } == claimed)
            #expect(try await line.database.read { try await line.queue.position(of: "a0", in: $0) } == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a worker whose claim was taken from it can settle nothing`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("t")
            let stale = try await line.one()
            line.time.advance(seconds: 31)
            #expect(try await line.rescue().requeued == ["t"])
            let fresh = try await line.one()
            #expect(fresh.attempt == 2 && fresh.deaths == 1)
            let queue = line.queue
            #expect(try await line.write { try await queue.heartbeat(stale, in: $0) } == .lost)
            #expect(try await !line.write { try await queue.complete(stale, in: $0) })
            #expect(try await !line.write { try await queue.fail(stale, in: $0) })
            #expect(try await !line.write { try await queue.markCanceled(stale, in: $0) })
            #expect(try await line.write { try await queue.retry(stale, in: $0) } == .lost)
            #expect(try await line.write { try await queue.release(stale, in: $0) } == .lost)
            #expect(try await line.write { try await queue.complete(fresh, in: $0) })
            #expect(try await !line.write { try await queue.complete(fresh, in: $0) })
            #expect(try await line.state("t") == "completed")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a heartbeat keeps the lease`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("t")
            let claim = try await line.one()
            for _ in 0..<5 {
                line.time.advance(seconds: 29)
                #expect(try await line.write { try await line.queue.heartbeat(claim, in: $0) } == .held)
                #expect(try await line.rescue().isEmpty)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `two rescuers at once take a task back once`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            for number in 0..<10 { try await line.add("t\(number)", key: "k\(number)") }
            _ = try await line.claim(10)
            line.time.advance(seconds: 31)
            async let first = line.rescue()
            async let second = line.rescue()
            let both = try await first.requeued + second.requeued
            #expect(both.sorted() == (0..<10).map { "t\($0)" })
        }
    }

    @Test(arguments: Backend.allCases)
    func `the fifth death ends a task as failed`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("t")
            for death in 1...5 {
                let claim = try await line.one()
                #expect(claim.attempt == death && claim.deaths == death - 1 && claim.failures == 0)
                line.time.advance(seconds: 31)
                let report = try await line.rescue()
                #expect(report.requeued == (death < 5 ? ["t"] : []))
                #expect(report.exhausted == (death < 5 ? [] : ["t"]))
            }
            #expect(try await line.state("t") == "failed")
            #expect(try await line.names(1) == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `two failures are retried after a growing pause, the third ends the task`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("t")
            for pause in [2.0, 4.0] {
                let claim = try await line.one()
                let outcome = try await line.write { try await line.queue.retry(claim, in: $0) }
                guard case .scheduled(let at) = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
                let seconds = at.seconds(since: line.time.now())
                #expect(seconds >= pause * 0.8 && seconds <= pause * 1.2)
                #expect(try await line.names(1) == [])
                line.time.advance(seconds: seconds)
            }
            let last = try await line.one()
            #expect(last.failures == 2)
            #expect(try await line.write { try await line.queue.retry(last, in: $0) } == .exhausted)
            #expect(try await line.state("t") == "failed")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a snooze and a release count neither failure nor death`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("t")
            for _ in 0..<8 {
                let claim = try await line.one()
                #expect(claim.failures == 0 && claim.deaths == 0)
                _ = try await line.write { try await line.queue.snooze(claim, seconds: 5, in: $0) }
                #expect(try await line.names(1) == [])
                line.time.advance(seconds: 5)
                let again = try await line.one()
                let outcome = try await line.write { try await line.queue.release(again, in: $0) }
                #expect(outcome == .scheduled(at: line.time.now()))
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a cancellation ends what waits, signals what runs, and finds the rest ended`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            let queue = line.queue
            try await line.add("t")
            try await line.add("u")
            let claim = try await line.one()
            #expect(try await line.write { try await queue.cancel("u", in: $0) } == .canceledNow)
            #expect(try await line.write { try await queue.cancel("t", in: $0) } == .signalled)
            #expect(try await line.write { try await queue.cancel("t", in: $0) } == .signalled)
            #expect(try await line.write { try await queue.heartbeat(claim, in: $0) } == .cancelRequested)
            #expect(try await line.write { try await queue.markCanceled(claim, in: $0) })
            #expect(try await line.write { try await queue.cancel("t", in: $0) } == .alreadyEnded)
            #expect(try await line.write { try await queue.cancel("u", in: $0) } == .alreadyEnded)
            #expect(try await line.write { try await queue.cancel("v", in: $0) } == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a canceled task never runs again, whichever way its worker lets go`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let queue = line.queue
            let ways: [@Sendable (Claim, any DatabaseConnection) async throws -> RetryOutcome] = [
                { try await queue.retry($0, in: $1) }, { try await queue.snooze($0, seconds: 1, in: $1) },
                { try await queue.release($0, in: $1) },
            ]
            for (index, letGo) in ways.enumerated() {
                try await line.add("t\(index)")
                let claim = try await line.one()
                _ = try await line.write { try await queue.cancel("t\(index)", in: $0) }
                #expect(try await line.write { try await letGo(claim, $0) } == .canceled)
            }
            try await line.add("dead")
            _ = try await line.one()
            _ = try await line.write { try await queue.cancel("dead", in: $0) }
            line.time.advance(seconds: 31)
            #expect(try await line.rescue().canceled == ["dead"])
            #expect(try await line.names(10) == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a cancellation and a completion that race have one winner`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            for number in 0..<20 {
                try await line.add("t\(number)")
                let claim = try await line.one()
                async let canceled = line.write { try await line.queue.cancel(claim.taskID, in: $0) }
                async let completed = line.write { try await line.queue.complete(claim, in: $0) }
                let (outcome, won) = try await (canceled, completed)
                #expect(won, "a running task's worker may finish first")
                #expect([.signalled, .alreadyEnded].contains(outcome))
                #expect(try await line.state(claim.taskID) == "completed")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a restart takes over what its dead predecessor held, and only that`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            func process(_ host: String, _ boot: String, _ namespace: String, _ pid: Int64) -> WorkerIdentity {
                WorkerIdentity(host: host, bootID: boot, pidNamespace: namespace, pid: pid, startTicks: pid * 10)
            }
            let dead = process("here", "boot-1", "ns-1", 7)
            let alive = process("here", "boot-1", "ns-1", 8)
            // These may live, and this process cannot see it: another machine or container under the same host name.
            let otherBoot = process("here", "boot-0", "ns-1", 10)
            let otherContainer = process("here", "boot-1", "ns-2", 7)
            let elsewhere = process("there", "boot-1", "ns-1", 7)
            for (index, worker) in [dead, alive, otherBoot, otherContainer, elsewhere, line.worker].enumerated() {
                try await line.add("t\(index)", key: "k\(index)")
                _ = try await line.claim(1, worker: worker)
            }
            let running = [alive, line.worker]
            let report = try await line.write {
                try await line.queue.takeOver(as: line.worker, isAlive: { running.contains($0) }, in: $0)
            }
            #expect(report.requeued == ["t0"])
            #expect(try await line.claim(10).map(\.deaths) == [1])
            line.time.advance(seconds: 31)
            #expect(try await line.rescue().requeued.sorted() == (0..<6).map { "t\($0)" })
        }
    }

    @Test(arguments: Backend.allCases)
    func `ended tasks are immutable, and forgotten when they are old`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            for name in ["t", "u"] { try await line.add(name) }
            let claim = try await line.one()
            #expect(try await line.write { try await line.queue.complete(claim, in: $0) })
            await #expect(throws: DatabaseError.self) {
                try await line.write { try await $0.execute("UPDATE queue_tasks SET payload = '' WHERE id = 't'", []) }
            }
            let now = line.time.now()
            #expect(try await line.write { try await line.queue.removeEnded(before: now, in: $0) } == 0)
            let later = now.adding(seconds: 1)
            #expect(try await line.write { try await line.queue.removeEnded(before: later, in: $0) } == 1)
            #expect(try await line.state("t") == "absent")
            #expect(try await line.state("u") == "queued")
        }
    }

    @Test func `the pause doubles up to its limit, and its jitter repeats`() {
        var limits = QueueLimits()
        limits.jitterSeed = 5
        for (failures, pause) in [(1, 2.0), (2, 4.0), (5, 32.0), (9, 300.0), (400, 300.0)] {
            let backoff = limits.backoff(task: "t", failures: failures)
            #expect(backoff >= pause * 0.8 && backoff <= pause * 1.2)
            #expect(backoff == limits.backoff(task: "t", failures: failures))
        }
        let spread = Set((0..<100).map { limits.backoff(task: "t\($0)", failures: 1) })
        #expect(spread.count == 100)
        limits.jitterShare = 0
        #expect(limits.backoff(task: "t", failures: 3) == 8)
    }

    @Test func `this process is alive, another with its number is not`() {
        let here = WorkerIdentity.current()
        #expect(WorkerIdentity.isAlive(here))
        func process(_ namespace: String, _ pid: Int64, _ ticks: Int64) -> WorkerIdentity {
            WorkerIdentity(
                host: here.host, bootID: here.bootID, pidNamespace: namespace, pid: pid, startTicks: ticks)
        }
        #expect(here.pidNamespace.hasPrefix("pid:["))
        #expect(!WorkerIdentity.isAlive(process("pid:[1]", here.pid, here.startTicks)))
        let reused = process(here.pidNamespace, here.pid, here.startTicks - 1)
        #expect(!WorkerIdentity.isAlive(reused))
        let gone = process(here.pidNamespace, 1 << 30, 1)
        #expect(!WorkerIdentity.isAlive(gone))
    }
}
