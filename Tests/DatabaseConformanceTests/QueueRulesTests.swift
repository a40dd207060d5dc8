import Core
import Database
import JobQueue
import Support
import Testing

extension Line {
    func task(_ id: String, key: String = "a", kind: String = "work", unique: String? = nil) -> NewTask {
        NewTask(id, kind: kind, fairnessKey: key, payload: "for \(id)", uniqueKey: unique)
    }

    func enqueue(_ task: NewTask) async throws -> EnqueueOutcome {
        try await write { try await queue.enqueue(task, in: $0) }
    }

    func count(_ state: String) async throws -> Int {
        try await database.read { connection in
            let rows = try await connection.query(
                "SELECT COUNT(*) AS n FROM queue_tasks WHERE state = $1", [.text(state)])
            return Int(try rows[0].integer("n"))
        }
    }
}

private struct Refusal: Error {}

/// The queue's rules where many tasks, accounts or servers meet.
@Suite(.timeLimit(.minutes(2))) struct QueueRulesTests {
    @Test(arguments: Backend.allCases)
    func `a task whose transaction is rolled back was never there, and nobody is woken for it`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            let woken = CancellationFlag()
            await #expect(throws: Refusal.self) {
                try await line.write { connection in
                    try await line.queue.enqueue(line.task("t"), in: connection)
                    connection.afterCommit { woken.raise() }
                    throw Refusal()
                }
            }
            let names = try await line.names(1)
            #expect(names == [])
            #expect(try await line.state("t") == "absent")
            #expect(!woken.isRaised)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of many that enqueue under one unique key at once one succeeds, and the others learn its name`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            let outcomes = try await withThrowingTaskGroup(of: (String, EnqueueOutcome).self) { group in
                for number in 0..<12 {
                    group.addTask {
                        ("t\(number)", try await line.enqueue(line.task("t\(number)", unique: "only")))
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            let winners = outcomes.filter { $0.value == .enqueued }.keys
            let winner = try #require(winners.first)
            #expect(winners.count == 1)
            #expect(outcomes.values.filter { $0 == .alreadyThere(taskID: winner) }.count == 11)
            #expect(try await line.count("queued") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a unique key is its account's and kind's, and is free again when its task has ended`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            #expect(try await line.enqueue(line.task("t", unique: "u")) == .enqueued)
            #expect(try await line.enqueue(line.task("other account", key: "b", unique: "u")) == .enqueued)
            #expect(try await line.enqueue(line.task("other kind", kind: "rest", unique: "u")) == .enqueued)
            #expect(try await line.enqueue(line.task("second", unique: "u")) == .alreadyThere(taskID: "t"))
            await #expect(throws: QueueError.duplicateTask) { try await line.enqueue(line.task("t", unique: "u")) }
            await #expect(throws: QueueError.duplicateTask) { try await line.enqueue(line.task("t", unique: "v")) }
            let claim = try #require(try await line.claim(2).first { $0.taskID == "t" })
            #expect(try await line.enqueue(line.task("second", unique: "u")) == .alreadyThere(taskID: "t"))
            #expect(try await line.write { try await line.queue.complete(claim, in: $0) })
            #expect(try await line.enqueue(line.task("second", unique: "u")) == .enqueued)
        }
    }

    @Test(arguments: Backend.allCases)
    func `ten thousand tasks go in, out and to their end together, within the engines' limits of arguments`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend, limits: Line.manyRunning) { line in
            let queue = line.queue
            let tasks = (0..<10_000).map { line.task("t\($0) \"ü\\🎵", key: "k\($0 % 50)", unique: "u\($0)") }
            _ = try await line.enqueue(tasks[17])
            let added = try await line.write { try await queue.enqueue(tasks, in: $0) }
            #expect(added.count == 9999 && !added.contains(tasks[17].taskID))
            let claims = try await line.claim(10_000)
            #expect(Set(claims.map(\.taskID)) == Set(tasks.map(\.taskID)))
            #expect(claims.allSatisfy { $0.payload == "for \($0.taskID)" })
            #expect(try await line.write { try await queue.heartbeat(claims, in: $0) }.allSatisfy { $0 == .held })
            let ended = try await line.write { try await queue.complete(claims, in: $0) }
            #expect(ended.count == 10_000)
            #expect(try await line.count("completed") == 10_000)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a batch ends what its worker still holds, and leaves what it has lost`(_ backend: Backend) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            let queue = line.queue
            for number in 0..<4 { try await line.add("t\(number)") }
            let stale = try await line.claim(2)
            line.time.advance(seconds: 31)
            #expect(try await line.rescue().requeued == ["t0", "t1"])
            let fresh = try await line.claim(4)
            #expect(fresh.map(\.taskID).sorted() == ["t0", "t1", "t2", "t3"])
            _ = try await line.write { try await queue.cancel("t2", in: $0) }
            let beats = try await line.write { try await queue.heartbeat(stale + fresh, in: $0) }
            #expect(beats.prefix(2).allSatisfy { $0 == .lost })
            #expect(zip(fresh, beats.dropFirst(2)).allSatisfy { ($0.taskID == "t2") == ($1 == .cancelRequested) })
            #expect(try await line.write { try await queue.complete(stale, in: $0) } == [])
            let half = fresh.filter { ["t0", "t2"].contains($0.taskID) }
            #expect(try await line.write { try await queue.complete(half + stale, in: $0) } == ["t0", "t2"])
            #expect(try await line.write { try await queue.fail(fresh, in: $0) } == ["t1", "t3"])
            #expect(try await line.state("t0") == "completed")
            #expect(try await line.state("t1") == "failed")
        }
    }

    @Test(arguments: Backend.allCases)
    func `attempts are counted when they are claimed, also those of which nothing is heard again`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend) { line in
            try await line.add("t")
            for attempt in 1...4 {
                let claim = try await line.one()
                let stored = try await line.database.read {
                    try await $0.query("SELECT attempt FROM queue_tasks", [])[0].integer("attempt")
                }
                #expect(claim.attempt == attempt && stored == attempt)
                line.time.advance(seconds: 31)
                _ = try await line.rescue()
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a task that is canceled while its worker gives it back never runs again`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            for number in 0..<30 {
                try await line.add("t\(number)")
                let claim = try await line.one()
                async let canceled = line.write { try await line.queue.cancel(claim.taskID, in: $0) }
                async let released = line.write { try await line.queue.release(claim, in: $0) }
                let (cancel, release) = try await (canceled, released)
                switch cancel {
                case .signalled: #expect(release == .canceled)
                case .canceledNow: #expect(release == .scheduled(at: line.time.now()))
                case .alreadyEnded, .unknown: Issue.record("\(cancel), \(release)")
                }
                #expect(try await line.state(claim.taskID) == "canceled")
            }
            #expect(try await line.names(10) == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `an account with five hundred tasks does not keep another's one waiting`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let tasks = (0..<500).map { line.task("a\($0)", key: "a") }
            _ = try await line.write { try await line.queue.enqueue(tasks, in: $0) }
            line.time.advance(seconds: 60)
            try await line.add("b0", key: "b")
            try await line.add("c0", key: "c")
            let first = try await line.claim(3)
            #expect(Set(first.map(\.fairnessName)) == ["a", "b", "c"])
            #expect(try await line.names(10).count == 1)
            try await line.add("b1", key: "b")
            _ = try await line.write { try await line.queue.complete(first, in: $0) }
            #expect(try await line.names(1) == ["b1"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `however many servers claim at once, no account runs more than its share`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let tasks = (0..<200).map { line.task("\("abcdefgh".map(String.init)[$0 % 8])\($0)", key: "k\($0 % 8)") }
            _ = try await line.write { try await line.queue.enqueue(tasks, in: $0) }
            for _ in 0..<5 {
                let claims = try await withThrowingTaskGroup(of: [Claim].self) { group in
                    for server in 0..<10 {
                        let worker = WorkerIdentity(host: "h\(server)", bootID: "b", pid: 1, startTicks: 1)
                        group.addTask { try await line.claim(5, worker: worker) }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(
                    Dictionary(grouping: claims, by: \.fairnessName).mapValues(\.count).values.allSatisfy { $0 == 2 })
                #expect(claims.count == 16)
                #expect(try await line.write { try await line.queue.complete(claims, in: $0) }.count == 16)
            }
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func `both engines claim in the same order`(_ seed: UInt64) async throws {
        var orders: [[String]] = []
        for backend in Backend.allCases {
            var random = SeededGenerator(seed: seed)
            var limits = QueueLimits()
            limits.runningPerKeyMax = Int.random(in: 1...4, using: &random)
            orders.append(
                try await Line.open(backend, limits: limits) { [limits] line in
                    var random = SeededGenerator(seed: seed &+ UInt64(limits.runningPerKeyMax))
                    var order: [String] = []
                    var running: [Claim] = []
                    for step in 0..<60 {
                        for part in 0..<Int.random(in: 0...2, using: &random) {
                            let key = "k\(Int.random(in: 0..<5, using: &random))"
                            try await line.add("t\(step)-\(part)", key: key, runIn: Double(part))
                        }
                        line.time.advance(seconds: 0.7)
                        let claims = try await line.claim(Int.random(in: 1...4, using: &random))
                        order += claims.map(\.taskID) + ["|"]
                        running += claims
                        let done = running.prefix(Int.random(in: 0...4, using: &random))
                        _ = try await line.write { [done] in try await line.queue.complete(Array(done), in: $0) }
                        running.removeFirst(done.count)
                    }
                    return order
                })
        }
        #expect(orders[0] == orders[1], "seed \(seed)")
        #expect(orders[0].count > 60)
    }

    @Test(arguments: Backend.allCases)
    func `a paused kind is claimed by no server until it is resumed`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            let other = TaskQueue(time: line.time)
            try await line.add("t", key: "a")
            let running = try await line.one()
            try await line.add("u", key: "b")
            try await line.add("v", key: "c", kind: "rest")
            #expect(try await line.write { try await line.queue.pause(kind: "work", in: $0) })
            #expect(try await !line.write { try await other.pause(kind: "work", in: $0) })
            let claimed = try await line.write { connection in
                try await other.claim(worker: line.worker, kinds: ["work", "rest"], limit: 10, in: connection)
            }
            #expect(claimed.map(\.taskID) == ["v"])
            #expect(
                try await line.database.read { try await other.pauses(in: $0) } == [
                    QueuePause(kind: "work", since: line.time.now())
                ])
            #expect(try await line.write { try await line.queue.complete(running, in: $0) })
            #expect(try await line.write { try await other.resume(kind: "work", in: $0) })
            #expect(try await !line.write { try await other.resume(kind: "work", in: $0) })
            #expect(try await line.names(10) == ["u"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a waiting task can be hurried, and no other`(_ backend: Backend) async throws {
        try await Line.open(backend) { line in
            try await line.add("later", runIn: 1000)
            #expect(try await line.names(1) == [])
            let hurry: @Sendable (String) async throws -> HurryOutcome = { name in
                try await line.write { try await line.queue.hurry(name, in: $0) }
            }
            #expect(try await hurry("later") == .mayRun)
            let claim = try await line.one()
            #expect(try await hurry("later") == .alreadyRuns)
            #expect(try await line.write { try await line.queue.complete(claim, in: $0) })
            #expect(try await hurry("later") == .alreadyEnded)
            #expect(try await hurry("nothing") == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `two sweepers at once forget each ended task once, in batches, and nothing else`(
        _ backend: Backend
    ) async throws {
        try await Line.open(backend, limits: Line.unlimitedKeys) { line in
            let tasks = (0..<300).map { line.task("t\($0)") }
            _ = try await line.write { try await line.queue.enqueue(tasks, in: $0) }
            let old = try await line.claim(200)
            _ = try await line.write { try await line.queue.complete(old, in: $0) }
            line.time.advance(seconds: 86_400)
            let fresh = try await line.claim(50)
            _ = try await line.write { try await line.queue.fail(fresh, in: $0) }
            let limit = line.time.now()
            let sweep: @Sendable () async throws -> Int = {
                var total = 0
                while true {
                    let removed = try await line.write {
                        try await line.queue.removeEnded(before: limit, limit: 30, in: $0)
                    }
                    #expect(removed <= 30)
                    if removed == 0 { return total }
                    total += removed
                }
            }
            async let first = sweep()
            async let second = sweep()
            let removed = try await first + second
            #expect(removed == 200)
            #expect(try await line.count("failed") == 50)
            #expect(try await line.count("queued") == 50)
        }
    }
}

extension Claim {
    /// The tests' tasks begin with their account's letter.
    fileprivate var fairnessName: String { String(taskID.prefix(1)) }
}
