import Core
import Database

@testable import SQLite

/// The run's database as one process reaches it.
final class SimulatedDatabase: SQLDatabase {
    private let process: SimulatedProcess
    private let server: SimulatedDatabaseServer

    /// An answer that is late comes by then.
    static let lateSecondsMax: Double = 40

    @TaskLocal private static var isInside = false

    var dialect: SQLDialect { .sqlite }

    init(_ server: SimulatedDatabaseServer, for process: SimulatedProcess) {
        self.server = server
        self.process = process
        process.deathWatchers.append { server.processDied(process) }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        try await connect()
        let session = try server.beginRead(for: process)
        return try await Self.$isInside.withValue(true) {
            defer {
                session.seal()
                server.release(session)
            }
            let value = try await body(session)
            if let failure = session.failure { throw failure }
            try server.commit(session)
            // The answer is of a moment that is past.
            await session.travel()
            return value
        }
    }

    @discardableResult
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        for _ in 0..<3 {
            try await connect()
            guard let session = await server.beginWrite(for: process) else {
                note("write.busy")
                throw DatabaseError.busy
            }
            let value: Value
            do {
                value = try await Self.$isInside.withValue(true) { try await body(session) }
                session.seal()
                if let failure = session.failure { throw failure }
            } catch {
                session.seal()
                server.release(session)
                throw error
            }
            if server.scheduler.dice.chance(server.faults.conflict) {
                note("write.again")
                server.release(session)
                continue
            }
            try await commit(session)
            for action in session.actions { action() }
            return value
        }
        throw DatabaseError.busy
    }

    // MARK: Steps

    private func connect() async throws {
        precondition(Scheduler.ofThisThread === server.scheduler, "the database is reached from outside of the run")
        if process.isDead { throw DatabaseError.closed }
        guard !Self.isInside else { throw DatabaseError.misuse("a transaction inside another") }
        await process.time.pause(seconds: server.scheduler.dice.seconds(0...0.001))
        if server.faults.isDown || process.isCutOff && !server.isReached {
            note("database.unreachable")
            await process.time.pause(seconds: server.scheduler.dice.seconds(0...2))
            throw DatabaseError.unreachable("simulated")
        }
        if server.scheduler.dice.chance(server.faults.refusal) {
            note("database.refused")
            throw server.scheduler.dice.chance(0.5) ? DatabaseError.busy : DatabaseError.unreachable("simulated")
        }
    }

    /// Whether it took place is known to all but, perhaps, the one who asked.
    private func commit(_ session: SimulatedTransaction) async throws {
        let (scheduler, faults, process) = (server.scheduler, server.faults, process)
        // The commit is on its way.
        await session.travel()
        if session.failure != nil {
            note("commit.unknown.not")
            throw DatabaseError.outcomeUnknown
        }
        if scheduler.dice.chance(faults.unknown) { throw try lose(session) }
        defer { server.release(session) }
        try server.commit(session)
        if session.changeCount > 0, scheduler.dice.chance(faults.deathAtCommit) {
            note("death.at.commit")
            scheduler.after(seconds: 0) { [server] in server.killing?(process) }
        }
        server.release(session)
        if scheduler.dice.chance(faults.lateness) {
            note("commit.late")
            await process.time.pause(seconds: scheduler.dice.seconds(5...Self.lateSecondsMax))
        } else {
            await session.travel()
        }
    }

    /// The connection breaks: the commit was made, was not, or will be.
    private func lose(_ session: SimulatedTransaction) throws -> DatabaseError {
        switch server.scheduler.dice.below(3) {
        case 0:
            note("commit.unknown.made")
            try server.commit(session)
            server.release(session)
        case 1:
            note("commit.unknown.not")
            server.release(session)
        default:
            note("commit.unknown.later")
            let server = server
            server.scheduler.after(seconds: server.scheduler.dice.seconds(0.01...2)) {
                guard session.failure == nil, session.handle.isInTransaction else { return }
                try? server.commit(session)
                server.release(session)
            }
        }
        return .outcomeUnknown
    }

    private func note(_ kind: String) {
        server.scheduler.trace.note(kind, at: server.scheduler.seconds, "process \(process.number)")
    }
}
