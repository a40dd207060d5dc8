import Core
import Database
import JobQueue
import Support
import Testing

/// Which tasks a claim takes, and in which order, with many accounts at many priorities.
@Suite(.timeLimit(.minutes(2))) struct QueueOrderTests {
    private struct Plan {
        var tasks: [NewTask] = []
        var limits: [Int] = []

        /// A few accounts with very unequal numbers of tasks.
        init(seed: UInt64, time: ManualTime) {
            var generator = SeededGenerator(seed: seed)
            let keys = (0..<Int.random(in: 1...7, using: &generator)).map { number in
                (name: "account-\(number)", weight: [1, 1, 2, 9, 30].randomElement(using: &generator) ?? 1)
            }
            for number in 0..<Int.random(in: 1...90, using: &generator) {
                let among = keys.flatMap { key in Array(repeating: key.name, count: key.weight) }
                let key = among.randomElement(using: &generator) ?? ""
                let priority = Int.random(in: 0...2, using: &generator) / 2
                // Made at different times, so that the name never decides.
                let runAt = Timestamp(milliseconds: time.now().milliseconds - 1000 + Int64(number))
                tasks.append(
                    NewTask(
                        "t\(number)", kind: ["work", "other"].randomElement(using: &generator) ?? "", fairnessKey: key,
                        priority: priority, payload: "", runAt: runAt))
            }
            limits = (0..<60).map { _ in Int.random(in: 1...25, using: &generator) }
        }
    }

    /// The rule, with all waiting tasks in sight: by priority; then each account's first task, each one's second and so
    /// on; then those that had none at a higher priority, the one whose turn was longest ago, the oldest task.
    private struct Model {
        private struct Place {
            var task: NewTask
            var round: Int
            var isServed: Bool
        }

        var waiting: [NewTask]
        var running: [String: Int] = [:]
        private var turns: [String: Int] = [:]
        private var claimCount = 0
        let runningMax: Int

        init(_ tasks: [NewTask], runningMax: Int) {
            (waiting, self.runningMax) = (tasks, runningMax)
        }

        mutating func claim(_ limit: Int) -> [String] {
            claimCount += 1
            let (turnsBefore, running, runningMax) = (turns, running, runningMax)
            let earlier = { (one: NewTask, other: NewTask) in
                (-one.priority, one.runAt?.milliseconds ?? 0) < (-other.priority, other.runAt?.milliseconds ?? 0)
            }
            let places = Dictionary(grouping: waiting, by: \.fairnessKey).flatMap { key, tasks -> [Place] in
                var rounds: [Int: Int] = [:]
                let most = tasks.map(\.priority).max()
                return tasks.sorted(by: earlier).prefix(max(0, runningMax - running[key, default: 0])).map { task in
                    rounds[task.priority, default: 0] += 1
                    return Place(
                        task: task, round: rounds[task.priority] ?? 0, isServed: task.priority != most)
                }
            }
            let rank = { (place: Place) in
                (
                    -place.task.priority, place.round, place.isServed ? 1 : 0,
                    turnsBefore[place.task.fairnessKey, default: 0], place.task.runAt?.milliseconds ?? 0
                )
            }
            let taken = places.sorted { rank($0) < rank($1) }.prefix(limit).map(\.task)
            for (place, task) in taken.enumerated() {
                turns[task.fairnessKey] = claimCount * 1000 + place
                self.running[task.fairnessKey, default: 0] += 1
            }
            waiting.removeAll { taken.contains($0) }
            return taken.map(\.taskID)
        }
    }

    @Test(arguments: UInt64(1)...40)
    func `a claim takes what the rule says, though it reads few of the tasks that wait`(_ seed: UInt64) async throws {
        let time = ManualTime()
        let plan = Plan(seed: seed, time: time)
        var limits = QueueLimits()
        limits.runningPerKeyMax = seed.isMultiple(of: 2) ? 3 : 1000
        try await Line.open(.postgres, limits: limits) { line async throws in
            var model = Model(plan.tasks, runningMax: limits.runningPerKeyMax)
            _ = try await line.write { try await line.queue.enqueue(plan.tasks, in: $0) }
            for limit in plan.limits {
                let claims = try await line.claim(limit, kinds: ["work", "other"])
                #expect(claims.map(\.taskID) == model.claim(limit), "seed \(seed), at most \(limit)")
                for claim in claims {
                    let key = plan.tasks.first { $0.taskID == claim.taskID }?.fairnessKey ?? ""
                    model.running[key, default: 0] -= 1
                }
                _ = try await line.write { try await line.queue.complete(claims, in: $0) }
            }
            #expect(model.waiting.isEmpty)
        }
    }
}
