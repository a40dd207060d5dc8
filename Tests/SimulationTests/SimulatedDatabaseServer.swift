import Core
import Database
import Support

@testable import SQLite

/// How the database misbehaves; all zero in calm times.
struct DatabaseFaults: Sendable {
    /// Of transactions: no connection, or too busy.
    var refusal = 0.0
    /// Of statements: the connection breaks.
    var loss = 0.0
    /// Of statements: takes seconds.
    var slowness = 0.0
    /// Of commits: the answer is lost, and nobody knows.
    var unknown = 0.0
    /// Of writes: undone in favour of another transaction and run again.
    var conflict = 0.0
    /// Of commits: the answer comes later than leases last.
    var lateness = 0.0
    /// Of commits: the process dies before it hears of it.
    var deathAtCommit = 0.0
    /// Nobody reaches it.
    var isDown = false
}

/// The one database of a run: the product's schema in a file of SQLite, one writer at a time, read on snapshots.
///
/// SAFETY: only touched by the run's one thread at a time.
final class SimulatedDatabaseServer: @unchecked Sendable {
    /// A transaction that waits for its end longer is undone, as `idle_in_transaction_session_timeout` has it.
    static let transactionSecondsMax = 8.0
    /// As SQLite's busy timeout.
    static let writerWaitSecondsMax = 5.0

    let scheduler: Scheduler
    var faults = DatabaseFaults()
    /// In calm times everybody reaches it.
    var isReached = false
    private let path: String
    private let writer: SQLiteHandle
    /// For looks from outside of the run.
    let observer: SQLiteHandle
    private var readers: [SQLiteHandle] = []
    private var sessions: [SimulatedTransaction] = []
    private var isWriterTaken = false
    private var waiting: [WriterWait] = []
    /// Called after each commit that changed something.
    var committed: (() -> Void)?
    /// Called where a process is to die of its commit.
    var killing: ((SimulatedProcess) -> Void)?

    init(path: String, scheduler: Scheduler) throws(DatabaseError) {
        self.path = path
        self.scheduler = scheduler
        writer = try SQLiteHandle(path: path, role: .writer, limits: SQLiteLimits())
        observer = try SQLiteHandle(path: path, role: .reader, limits: SQLiteLimits())
    }

    deinit { close() }

    func close() {
        for reader in readers { reader.close() }
        readers = []
        observer.close()
        writer.close()
    }

    private final class WriterWait {
        let process: SimulatedProcess
        let answer: UnsafeContinuation<SimulatedTransaction?, Never>
        var isSettled = false

        init(_ process: SimulatedProcess, _ answer: UnsafeContinuation<SimulatedTransaction?, Never>) {
            self.process = process
            self.answer = answer
        }
    }

    // MARK: Sessions

    /// `nil`: the others took too long.
    func beginWrite(for process: SimulatedProcess) async -> SimulatedTransaction? {
        await withUnsafeContinuation { answer in
            guard isWriterTaken else { return answer.resume(returning: openWriter(process)) }
            let wait = WriterWait(process, answer)
            waiting.append(wait)
            scheduler.after(seconds: Self.writerWaitSecondsMax) { [self] in
                guard !wait.isSettled else { return }
                wait.isSettled = true
                waiting.removeAll { $0 === wait }
                answer.resume(returning: nil)
            }
        }
    }

    private func openWriter(_ process: SimulatedProcess) -> SimulatedTransaction? {
        isWriterTaken = true
        return try? open(writer, begin: "BEGIN IMMEDIATE", isWrite: true, process)
    }

    func beginRead(for process: SimulatedProcess) throws(DatabaseError) -> SimulatedTransaction {
        let handle: SQLiteHandle
        if let idle = readers.popLast() {
            handle = idle
        } else {
            handle = try SQLiteHandle(path: path, role: .reader, limits: SQLiteLimits())
        }
        return try open(handle, begin: "BEGIN", isWrite: false, process)
    }

    private func open(
        _ handle: SQLiteHandle, begin: String, isWrite: Bool, _ process: SimulatedProcess
    ) throws(DatabaseError) -> SimulatedTransaction {
        _ = try handle.execute(begin, [])
        let session = SimulatedTransaction(handle: handle, isWrite: isWrite, process: process, server: self)
        sessions.append(session)
        session.timeout = scheduler.after(seconds: Self.transactionSecondsMax) { [weak session] in
            session?.breakOff(.timeout)
        }
        return session
    }

    /// Rolled back unless committed; the writer is the next one's.
    func release(_ session: SimulatedTransaction) {
        guard let place = sessions.firstIndex(where: { $0 === session }) else { return }
        sessions.remove(at: place)
        session.timeout?.cancel()
        if session.handle.isInTransaction { _ = try? session.handle.execute("ROLLBACK", []) }
        guard session.isWrite else { return readers.append(session.handle) }
        isWriterTaken = false
        while !isWriterTaken, !waiting.isEmpty {
            let next = waiting.removeFirst()
            next.isSettled = true
            if !next.process.isDead { next.answer.resume(returning: openWriter(next.process)) }
        }
    }

    func commit(_ session: SimulatedTransaction) throws(DatabaseError) {
        _ = try session.handle.execute("COMMIT", [])
        guard session.isWrite else { return }
        let changes = Int64(session.changeCount)
        scheduler.trace.mix(UInt64(changes))
        if changes > 0 { committed?() }
    }

    /// The server ends what a dead process had open.
    func processDied(_ process: SimulatedProcess) {
        for session in sessions where session.process === process { release(session) }
    }

    /// The network parts a process from it.
    func part(_ process: SimulatedProcess) {
        process.isCutOff = true
        for session in sessions where session.process === process { session.breakOff(.connectionLost) }
    }

    /// An administrator, or a restart, breaks every connection.
    func breakAll() {
        for session in sessions { session.breakOff(.connectionLost) }
    }

    /// One look at what is committed.
    func look(_ sql: String, _ arguments: [DatabaseValue] = []) throws(DatabaseError) -> [DatabaseRow] {
        try observer.query(sql, arguments)
    }
}
