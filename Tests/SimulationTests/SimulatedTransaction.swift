import Core
import Database

@testable import SQLite

/// An open transaction of a simulated server.
///
/// SAFETY: only touched by the run's one thread at a time.
final class SimulatedTransaction: DatabaseConnection, @unchecked Sendable {
    let handle: SQLiteHandle
    let isWrite: Bool
    let process: SimulatedProcess
    let server: SimulatedDatabaseServer
    var timeout: SimulatedTimer?
    private(set) var changeCount = 0
    private(set) var actions: [@Sendable () -> Void] = []
    /// What dooms it.
    private(set) var failure: DatabaseError?
    private var isOpen = true

    var dialect: SQLDialect { .sqlite }

    init(handle: SQLiteHandle, isWrite: Bool, process: SimulatedProcess, server: SimulatedDatabaseServer) {
        self.handle = handle
        self.isWrite = isWrite
        self.process = process
        self.server = server
    }

    func query(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> [DatabaseRow] {
        try await answers([DatabaseStatement(sql, arguments)]).first?.rows ?? []
    }

    func execute(_ sql: String, _ arguments: [DatabaseValue]) async throws(DatabaseError) -> Int {
        try await answers([DatabaseStatement(sql, arguments)]).first?.changedCount ?? 0
    }

    func batch(_ statements: [DatabaseStatement]) async throws(DatabaseError) -> [DatabaseAnswer] {
        try await answers(statements)
    }

    func executeScript(_ sql: String) async throws(DatabaseError) {
        throw .misuse("no script is expected in a simulation")
    }

    func afterCommit(_ action: @escaping @Sendable () -> Void) { actions.append(action) }

    /// The body's access ends; what comes late is refused.
    func seal() { isOpen = false }

    /// The server ends the transaction; its client hears of it at its next statement.
    func breakOff(_ error: DatabaseError) {
        server.scheduler.trace.note("session.broken", at: server.scheduler.seconds, "\(error)")
        if failure == nil { failure = error }
        server.release(self)
    }

    private func answers(_ statements: [DatabaseStatement]) async throws(DatabaseError) -> [DatabaseAnswer] {
        guard isOpen else { throw .misuse("the transaction is over") }
        if let failure { throw failure }
        await travel()
        if process.isDead { throw .closed }
        if let failure { throw failure }
        if server.scheduler.dice.chance(server.faults.loss) {
            breakOff(.connectionLost)
            throw .connectionLost
        }
        do throws(DatabaseError) {
            var answers: [DatabaseAnswer] = []
            for statement in statements {
                let answer = try handle.answer(statement)
                answers.append(answer)
                changeCount += answer.changedCount
                let shape = UInt64(statement.sql.utf8.count) << 32 | UInt64(answer.rows.count) << 16
                server.scheduler.trace.mix(shape | UInt64(answer.changedCount))
            }
            return answers
        } catch {
            failure = error
            throw error
        }
    }

    /// The way to the server and back.
    func travel() async {
        let seconds: Double
        if server.scheduler.dice.chance(server.faults.slowness) {
            server.scheduler.trace.count("statement.slow")
            seconds = server.scheduler.dice.seconds(0.5...12)
        } else {
            seconds = server.scheduler.dice.seconds(0.0001...0.003)
        }
        await process.time.pause(seconds: seconds)
    }
}
