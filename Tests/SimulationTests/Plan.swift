import JobQueue
import Studio

/// What one run consists of, drawn from its seed before it begins.
struct Plan {
    var hostCount = 1
    var serverCount = 1
    var accountCount = 1
    var submitterCount = 1
    var buyerCount = 0
    var faultSeconds = 60.0
    var faultCount = 0
    var skewSecondsMax = 0.0
    var sweepSeconds = 15.0
    var queue = QueueLimits()
    var executor = ExecutorLimits()
    var jobs = JobLimits()
    var database = DatabaseFaults()
    var disk = DiskFaults()
    /// Of notices between servers: lost.
    var noticeLoss = 0.0

    let service = Service(
        name: "separation",
        models: [ServiceModel(id: "model", stems: ["vocals"], isInstalled: { true })], options: [],
        price: ServicePrice())

    /// All that is to come to its end once the faults have ended does so within this time.
    static let settlingSecondsMax = 600.0

    /// No clock is further off: beyond the grace of orphans a sweeper would take what is being made for one.
    static let skewSecondsMax = 60.0

    init(_ dice: inout Dice) {
        serverCount = dice.below(3) + 1
        hostCount = dice.below(serverCount) + 1
        accountCount = dice.below(2) + 1
        submitterCount = dice.below(3) + 1
        buyerCount = dice.below(2)
        faultSeconds = dice.seconds(20...90)
        faultCount = dice.below(13)
        skewSecondsMax = dice.one(of: [0, 1, 1, 15])
        queue.leaseSeconds = dice.seconds(3...12)
        queue.runningPerKeyMax = dice.below(3) + 1
        queue.backoffSeconds = 0.5
        queue.backoffSecondsMax = 5
        executor.slots = dice.below(3) + 1
        executor.pollSeconds = dice.seconds(0.5...2)
        executor.heartbeatSeconds = queue.leaseSeconds / 3
        executor.rescueSeconds = dice.seconds(1...3)
        executor.stopSeconds = 2
        jobs.deadlineSecondsMin = 40
        jobs.deadlineFactor = 1
        jobs.resultDays = 1
        jobs.orphanGraceSeconds = 400
        noticeLoss = dice.one(of: [0, 0.2, 1])
        if dice.chance(0.75) { drawDatabaseFaults(&dice) }
        if dice.chance(0.5) {
            disk.failure = dice.one(of: [0, 0.05, 0.15])
            disk.slowness = dice.one(of: [0, 0.02, 0.1])
        }
    }

    private mutating func drawDatabaseFaults(_ dice: inout Dice) {
        database.refusal = dice.one(of: [0, 0.01, 0.05])
        database.loss = dice.one(of: [0, 0.002, 0.01])
        database.slowness = dice.one(of: [0, 0.001, 0.004])
        database.unknown = dice.one(of: [0, 0.02, 0.1])
        database.conflict = dice.one(of: [0, 0.02, 0.1])
        database.lateness = dice.one(of: [0, 0.005, 0.02])
        database.deathAtCommit = dice.one(of: [0, 0, 0.005, 0.02])
    }
}
