/// Breaks things, one at a time, and mends what does not mend itself.
final class Gremlin: @unchecked Sendable {
    // SAFETY: only touched by the run's one thread at a time.
    private unowned let run: Run
    private var scheduler: Scheduler { run.scheduler }

    init(_ run: Run) { self.run = run }

    func strike() async {
        guard !run.isCalm else { return }
        let server = scheduler.dice.one(of: run.servers)
        switch scheduler.dice.below(14) {
        case 0, 1: await crash(server)
        case 2, 3: await freeze(server)
        case 4: await stop(server)
        case 5: cutPower()
        case 6: moveClock(of: server)
        case 7: await breakDatabase()
        case 8: await fillDisk()
        case 9, 10, 11, 12: await part(server)
        default:
            run.note("sessions.broken")
            run.database.breakAll()
        }
    }

    private func crash(_ server: SimulatedServer) async {
        server.crash()
        await run.world.time.pause(seconds: scheduler.dice.seconds(0.05...25))
        server.start()
    }

    private func freeze(_ server: SimulatedServer) async {
        guard let process = server.life?.process, !process.isFrozen else { return }
        run.note("server.frozen", "process \(process.number)")
        scheduler.freeze(process)
        await run.world.time.pause(seconds: scheduler.dice.seconds(0.5...30))
        guard !process.isDead, process.isFrozen else { return }
        run.note("server.thawed", "process \(process.number)")
        scheduler.thaw(process)
    }

    /// What it computes goes on; its leases run out.
    private func part(_ server: SimulatedServer) async {
        guard let process = server.life?.process, !process.isCutOff else { return }
        run.note("server.parted", "process \(process.number)")
        run.database.part(process)
        await run.world.time.pause(seconds: scheduler.dice.seconds(1...30))
        process.isCutOff = false
        run.note("server.joined", "process \(process.number)")
    }

    private func stop(_ server: SimulatedServer) async {
        await server.stop(graceSeconds: scheduler.dice.seconds(0...4))
        await run.world.time.pause(seconds: scheduler.dice.seconds(0.05...5))
        server.start()
    }

    /// Of all servers, the database and the disk. What the database committed it has.
    private func cutPower() {
        run.note("power.cut")
        for server in run.servers {
            server.crash()
            server.host.boot += 1
        }
        run.disk.cutPower()
        for server in run.servers {
            scheduler.after(seconds: scheduler.dice.seconds(0.1...5)) { server.start() }
        }
    }

    private func moveClock(of server: SimulatedServer) {
        let far: Double = scheduler.dice.one(of: [15, 60])
        let moved = server.host.skewSeconds + scheduler.dice.seconds(-far...far)
        server.host.skewSeconds = min(max(moved, -Plan.skewSecondsMax), Plan.skewSecondsMax)
        run.note("clock.moved", "\(server.host.name) to \(server.host.skewSeconds)")
    }

    private func breakDatabase() async {
        run.note("database.down")
        run.database.faults.isDown = true
        run.database.breakAll()
        await run.world.time.pause(seconds: scheduler.dice.seconds(0.2...20))
        run.database.faults.isDown = false
        run.note("database.up")
    }

    private func fillDisk() async {
        run.note("disk.fills")
        run.disk.faults.isFull = true
        await run.world.time.pause(seconds: scheduler.dice.seconds(0.5...15))
        run.disk.faults.isFull = false
    }
}
