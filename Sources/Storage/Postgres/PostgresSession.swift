internal import CPostgres
internal import Core
internal import Database
internal import Reactor
internal import Synchronization

/// A connection on its loop: flights go out in order and their answers come back in order (libpq's pipeline mode).
final class PostgresSession: EventSource, @unchecked Sendable {
    // SAFETY: `loop`, `limits`, `hooks` and `alive` are safe from any thread; everything else is touched only on the
    // loop's thread, which `assertOnLoop` checks where other threads could come from. libpq's pointers are those of a
    // living `handle`.
    struct Hooks: Sendable {
        /// The connection is gone; called once, on the loop.
        var died: @Sendable (PostgresSession, DatabaseError) -> Void = { _, _ in }
        /// A notice came in: its channel and payload.
        var notified: @Sendable (String, String) -> Void = { _, _ in }
    }

    let loop: EventLoop
    let limits: PostgresLimits
    private let hooks: Hooks
    private let alive = Atomic<Bool>(true)

    private(set) var handle: PostgresHandle?
    private var registration: Registration?
    private var isAwaitingRoom = false

    var cache: StatementCache
    var arguments = ArgumentBuffer()
    var queue = FlightQueue()
    var script: PostgresFlight?
    var scriptText = ""
    /// What came in while a script runs, or waits for its turn.
    var backlog: [() -> Void] = []

    private var watch: TimerID?
    /// When the server last gave a result, by the loop's clock.
    var lastResultAt: UInt64 = 0
    /// Why there is no handle any more.
    private(set) var deathReason = DatabaseError.connectionLost

    init(loop: EventLoop, limits: PostgresLimits, hooks: Hooks) {
        self.loop = loop
        self.limits = limits
        self.hooks = hooks
        cache = StatementCache(countMax: limits.statementsMax)
    }

    /// False once the connection is gone; true says little.
    var isAlive: Bool { alive.load(ordering: .acquiring) }

    /// Takes over a connection that was set up. On the loop. A session that could not start is dead, and nobody is told
    /// of it but the caller.
    func start(_ handle: PostgresHandle) throws(DatabaseError) {
        loop.assertOnLoop()
        do throws(SystemCallError) {
            registration = try loop.watch(descriptor: handle.descriptor, for: .readable, self)
            self.handle = handle
        } catch {
            deathReason = .unreachable(error.description)
            alive.store(false, ordering: .releasing)
            throw deathReason
        }
    }

    /// Ends the connection; flights under way fail. From any thread.
    func close() { loop.execute { self.die(.closed) } }

    /// Ends the connection once what was sent is answered. From any thread.
    func closeWhenIdle() {
        loop.execute {
            if self.queue.isEmpty { self.die(.closed) } else { self.isClosing = true }
        }
    }

    private var isClosing = false

    // MARK: The socket

    func ready(_ events: ReadyEvents) {
        if isAwaitingRoom { flush() }
        var isConnected = true
        repeat {
            guard let connection = handle?.connection else { return }
            isConnected = PQconsumeInput(connection) == 1
            receive()
            // OpenSSL may hold what the socket no longer shows.
        } while isConnected && handle.map { cadenza_pq_pending_bytes($0.connection) > 0 } ?? false
        if !isConnected { return die(.connectionLost) }
        if isClosing && queue.isEmpty { die(.closed) }
    }

    func flush() {
        guard let handle, let registration else { return }
        let rest = PQflush(handle.connection)
        if rest < 0 { return die(.connectionLost) }
        guard isAwaitingRoom != (rest == 1) else { return }
        isAwaitingRoom = rest == 1
        loop.watch(
            descriptor: handle.descriptor, for: isAwaitingRoom ? [.readable, .writable] : .readable, registration)
    }

    private func receive() {
        guard let connection = handle?.connection else { return }
        if script != nil && queue.isEmpty { receiveScript(connection) } else { receiveFlights(connection) }
        // A body that was resumed cannot have ended the session: it runs later.
        while let notice = handle.flatMap({ PQnotifies($0.connection) }) {
            hooks.notified(String(cString: notice.pointee.relname), String(cString: notice.pointee.extra))
            PQfreemem(notice)
        }
    }

    // MARK: Silence

    /// One timer for as long as anything is under way, not one for each flight.
    func startWatch() {
        guard watch == nil, let seconds = limits.silenceSeconds else { return }
        watch = loop.after(seconds: seconds) { [weak self] in self?.lookForSilence(seconds) }
    }

    private func lookForSilence(_ seconds: Double) {
        watch = nil
        guard let sentAt = queue.first?.flight.sentAt ?? script?.sentAt else { return }
        let due = max(sentAt, lastResultAt) + UInt64(seconds * 1e9)
        if due <= loop.now { return die(.connectionLost) }
        watch = loop.at(due) { [weak self] in self?.lookForSilence(seconds) }
    }

    // MARK: The end

    /// The connection is useless: fails what is under way. A commit that was asked for and not answered stays `asked`.
    func die(_ error: DatabaseError) {
        loop.assertOnLoop()
        guard alive.exchange(false, ordering: .acquiringAndReleasing) else { return }
        let reason = handle?.farewellError ?? error
        deathReason = reason
        if let handle, let registration { loop.deregister(descriptor: handle.descriptor, registration) }
        registration = nil
        handle = nil
        if let watch { loop.cancel(watch) }
        watch = nil
        let refusal = ServerRefusal(error: reason, leavesSession: false)
        for flight in queue.removeAll() {
            flight.lose(refusal)
            flight.complete()
        }
        script?.fail(refusal)
        endScript()
        hooks.died(self, reason)
    }
}
