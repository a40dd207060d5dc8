internal import Core
internal import Database
internal import Reactor
internal import Synchronization

/// Lends connections, first come first served: as many as `limits` say, made when they are needed, spread over the
/// loops. A dead one is forgotten and another made in its place, after a growing pause while that fails.
final class PostgresPool: Sendable {
    private typealias Answer = Result<PostgresSession, DatabaseError>

    private struct Waiter {
        let number: UInt64
        let deadline: UInt64
        let continuation: CheckedContinuation<Answer, Never>
    }

    /// A session that whole transactions are sent on one behind the other.
    private struct Share {
        let session: PostgresSession
        /// Under way.
        var count = 1
        /// When the first was sent or the last was over.
        var movedAt: UInt64
    }

    private struct State {
        var idle: [PostgresSession] = []
        var shares: [Share] = []
        /// Of the living sessions, idle or lent, and of those being made, on each loop.
        var perLoop: [Int]
        var openingCount = 0
        var waiters: [Waiter] = []
        var head = 0
        var lastNumber: UInt64 = 0
        var failures = 0
        var lastFailure: DatabaseError?
        var isPausing = false
        var hasTimer = false
        var isClosed = false
        var lentCount = 0
        var closers: [CheckedContinuation<Void, Never>] = []

        var count: Int { perLoop.reduce(0, +) }
        var waitingCount: Int { waiters.count - head }

        mutating func popWaiter() -> Waiter? {
            guard head < waiters.count else { return nil }
            let waiter = waiters[head]
            head += 1
            if head == waiters.count {
                waiters.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 1024 {
                waiters.removeFirst(head)
                head = 0
            }
            return waiter
        }
    }

    let limits: PostgresLimits
    private let loops: [EventLoop]
    private let connector: PostgresConnector
    private let observe: @Sendable (PostgresEvent) -> Void
    private let start: Start
    private let state: Mutex<State>

    typealias Start = @Sendable (PostgresSession, PostgresHandle) throws(DatabaseError) -> Void

    /// - Parameter start: puts a connection to work; for tests, which cannot let the system run out of room.
    init(
        connector: PostgresConnector, loops: [EventLoop], observe: @escaping @Sendable (PostgresEvent) -> Void,
        start: @escaping Start = { session, handle throws(DatabaseError) in try session.start(handle) }
    ) {
        precondition(!loops.isEmpty)
        self.connector = connector
        self.limits = connector.limits
        self.loops = loops
        self.observe = observe
        self.start = start
        state = Mutex(State(perLoop: Array(repeating: 0, count: loops.count)))
    }

    // MARK: Lending

    /// A session for a read that is sent whole, perhaps behind others: a loop keeps few connections busy with those, as
    /// each more costs the server a change of process where it would go on with the next. None is put behind a read
    /// that has taken 5 ms already.
    /// - Throws: as `take`.
    func takeShared() async throws(DatabaseError) -> PostgresSession {
        let now = monotonicNanoseconds()
        let session = state.withLock { state -> PostgresSession? in
            guard !state.isClosed, state.waitingCount == 0 else { return nil }
            let isWide = state.shares.count { $0.session.loop.isCurrent } >= limits.sharedSessionsPerLoop
            if isWide, let session = join(&state, now) { return session }
            guard let index = state.idle.lastIndex(where: { $0.loop.isCurrent }) else { return join(&state, now) }
            let session = state.idle.remove(at: index)
            state.shares.append(Share(session: session, movedAt: now))
            state.lentCount += 1
            return session
        }
        if let session { return session }
        return try await take()
    }

    /// Of this thread's shared sessions that move on the one with the fewest.
    private func join(_ state: inout State, _ now: UInt64) -> PostgresSession? {
        var best: Int?
        for (index, share) in state.shares.enumerated()
        where share.count < best.map({ state.shares[$0].count }) ?? limits.sharersMax && share.session.loop.isCurrent
            && share.session.isAlive && now < share.movedAt + Self.sharedReadNanoseconds
        {
            best = index
        }
        guard let best else { return nil }
        state.shares[best].count += 1
        state.lentCount += 1
        return state.shares[best].session
    }

    private static let sharedReadNanoseconds: UInt64 = 5_000_000

    /// - Throws: `busy` where too many wait or the wait was too long, `unreachable` where no connection could be made
    ///   meanwhile, `closed`.
    func take() async throws(DatabaseError) -> PostgresSession {
        let now = monotonicNanoseconds()
        let answer = await withCheckedContinuation { (continuation: CheckedContinuation<Answer, Never>) in
            let answer = state.withLock { state -> Answer? in
                if state.isClosed { return .failure(.closed) }
                // Waiters and idle sessions never are at the same time: nobody is overtaken.
                if let session = Self.popIdle(&state) {
                    state.lentCount += 1
                    return .success(session)
                }
                guard state.waitingCount < limits.waitersMax else { return .failure(.busy) }
                state.lastNumber += 1
                state.waiters.append(
                    Waiter(
                        number: state.lastNumber, deadline: now + UInt64(max(0, limits.waitSeconds) * 1e9),
                        continuation: continuation))
                return nil
            }
            if let answer { return continuation.resume(returning: answer) }
            openMore()
            startTimer()
        }
        return try answer.get()
    }

    func giveBack(_ session: PostgresSession) {
        let waiter = state.withLock { state -> Waiter? in
            state.lentCount -= 1
            if let index = state.shares.firstIndex(where: { $0.session === session }) {
                state.shares[index].count -= 1
                state.shares[index].movedAt = monotonicNanoseconds()
                guard state.shares[index].count == 0 else { return nil }
                state.shares.remove(at: index)
            }
            return Self.place(session, &state)
        }
        waiter?.continuation.resume(returning: .success(session))
        afterGivingBack(session)
    }

    /// One of this thread's loop, if there is one: its statements then need no other thread.
    private static func popIdle(_ state: inout State) -> PostgresSession? {
        guard !state.idle.isEmpty else { return nil }
        let index = state.idle.lastIndex { $0.loop.isCurrent } ?? state.idle.count - 1
        return state.idle.remove(at: index)
    }

    /// Returns who is to have the session now; otherwise it is idle, unless it is dead.
    private static func place(_ session: PostgresSession, _ state: inout State) -> Waiter? {
        guard session.isAlive else { return nil }
        if let waiter = state.popWaiter() {
            state.lentCount += 1
            return waiter
        }
        state.idle.append(session)
        return nil
    }

    private func afterGivingBack(_ session: PostgresSession) {
        let (isClosed, closers) = state.withLock { state in
            let isOver = state.isClosed && state.lentCount == 0
            defer { if isOver { state.closers = [] } }
            return (state.isClosed, isOver ? state.closers : [])
        }
        if isClosed { session.closeWhenIdle() }
        for closer in closers { closer.resume() }
        // A dead one has made room.
        if !session.isAlive { openMore() }
    }

    // MARK: Making connections

    /// Makes one at once and keeps it: so that an address or a password that is wrong shows at the start.
    func openFirst() async throws(DatabaseError) {
        let index = state.withLock { state in
            state.perLoop[0] += 1
            state.openingCount += 1
            return 0
        }
        let result = await connector.open()
        finishOpening(result, on: index)
        if case .failure(let error) = result { throw error }
    }

    /// Starts as many connections as waiters are without one on its way.
    private func openMore() {
        let indices = state.withLock { state -> [Int] in
            var indices: [Int] = []
            // While the server does not answer one attempt at a time says when it does again.
            let openingMax = state.failures == 0 ? limits.connectionsMax : 1
            while !state.isClosed, !state.isPausing, state.openingCount < min(state.waitingCount, openingMax),
                state.count < limits.connectionsMax,
                let index = state.perLoop.indices.min(by: { state.perLoop[$0] < state.perLoop[$1] })
            {
                state.perLoop[index] += 1
                state.openingCount += 1
                indices.append(index)
            }
            return indices
        }
        for index in indices {
            Task { finishOpening(await connector.open(), on: index) }
        }
    }

    private func finishOpening(_ result: Result<PostgresHandle, DatabaseError>, on index: Int) {
        switch result {
        case .failure(let error): openingFailed(error, on: index)
        case .success(let handle):
            let loop = loops[index]
            loop.execute { [self] in
                let session = PostgresSession(
                    loop: loop, limits: limits,
                    hooks: PostgresSession.Hooks(died: { [weak self] in self?.sessionDied($0, $1, index) }))
                do throws(DatabaseError) {
                    try start(session, handle)
                } catch {
                    return openingFailed(error, on: index)
                }
                opened(session)
            }
        }
    }

    private func opened(_ session: PostgresSession) {
        let (waiter, isClosed) = state.withLock { state in
            state.openingCount -= 1
            state.failures = 0
            state.lastFailure = nil
            return (Self.place(session, &state), state.isClosed)
        }
        observe(.connected)
        waiter?.continuation.resume(returning: .success(session))
        if isClosed { session.close() } else { openMore() }
    }

    private func openingFailed(_ error: DatabaseError, on index: Int) {
        let pause = state.withLock { state -> Double? in
            state.openingCount -= 1
            state.perLoop[index] -= 1
            state.failures += 1
            state.lastFailure = error
            guard !state.isPausing, !state.isClosed else { return nil }
            state.isPausing = true
            return limits.backoff(failures: state.failures)
        }
        observe(.unreachable(error))
        guard let pause else { return }
        let loop = loops[0]
        loop.execute { [weak self] in
            _ = loop.after(seconds: pause) { [weak self] in
                self?.state.withLock { $0.isPausing = false }
                self?.openMore()
            }
        }
    }

    private func sessionDied(_ session: PostgresSession, _ error: DatabaseError, _ index: Int) {
        let isClosed = state.withLock { state in
            state.perLoop[index] -= 1
            state.idle.removeAll { $0 === session }
            return state.isClosed
        }
        if !isClosed { observe(.lost(error)) }
        openMore()
    }

    // MARK: Waiting no longer

    /// One timer, for the first waiter: the deadlines are in the order of the queue.
    private func startTimer() {
        let deadline = state.withLock { state -> UInt64? in
            guard !state.hasTimer, state.head < state.waiters.count else { return nil }
            state.hasTimer = true
            return state.waiters[state.head].deadline
        }
        guard let deadline else { return }
        let loop = loops[0]
        loop.execute { [weak self] in
            _ = loop.at(deadline) { [weak self] in self?.expire(at: loop.now) }
        }
    }

    private func expire(at now: UInt64) {
        let (late, error) = state.withLock { state -> ([Waiter], DatabaseError) in
            state.hasTimer = false
            var late: [Waiter] = []
            while state.head < state.waiters.count, state.waiters[state.head].deadline <= now,
                let waiter = state.popWaiter()
            {
                late.append(waiter)
            }
            return (late, state.lastFailure ?? .busy)
        }
        for waiter in late { waiter.continuation.resume(returning: .failure(error)) }
        startTimer()
    }

    // MARK: The end

    /// Refuses new callers and those that wait, and returns once all that was lent has come back.
    func close() async {
        let (waiters, idle) = state.withLock { state -> ([Waiter], [PostgresSession]) in
            state.isClosed = true
            defer { state.idle = [] }
            var waiters: [Waiter] = []
            while let waiter = state.popWaiter() { waiters.append(waiter) }
            return (waiters, state.idle)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(.closed)) }
        for session in idle { session.closeWhenIdle() }
        await withCheckedContinuation { closer in
            let isOver = state.withLock { state in
                if state.lentCount > 0 { state.closers.append(closer) }
                return state.lentCount == 0
            }
            if isOver { closer.resume() }
        }
    }

    var waitingCount: Int { state.withLock { $0.waitingCount } }

    /// How many connections there are, being made or made.
    var connectionCount: Int { state.withLock { $0.count } }
}
