internal import Database
public import Reactor
internal import Synchronization

/// LISTEN on a connection of its own, made anew whenever it is lost. It goes to the server directly, not through a
/// pooler that lends sessions by the transaction.
public final class PostgresListener: Sendable {
    /// What is heard.
    public enum Signal: Hashable, Sendable {
        /// From now on notices are heard; those before it, such as during a lost connection, were not: look yourself.
        case listening
        case notice(channel: String, payload: String)
    }

    private struct State {
        var session: PostgresSession?
        var failures = 0
        var isClosed = false
        var whenClosed: (@Sendable () -> Void)?
    }

    /// How often the connection is asked whether it lives.
    private static let pingSeconds: Double = 30

    private let connector: PostgresConnector
    private let channels: [String]
    private let loop: EventLoop
    private let observe: @Sendable (PostgresEvent) -> Void
    private let heard: @Sendable (Signal) -> Void
    private let state = Mutex(State())

    /// Connects soon, and again after each loss with a growing pause, until `close`.
    ///
    /// - Parameters:
    ///   - channels: letters in lower case, digits and underscores; another name is the programmer's error.
    ///   - heard: called on `loop`, must be quick: several notices of one channel may be told apart only by `payload`.
    public init(
        _ address: PostgresAddress, channels: [String], loop: EventLoop, limits: PostgresLimits = PostgresLimits(),
        observe: @escaping @Sendable (PostgresEvent) -> Void = { _ in }, heard: @escaping @Sendable (Signal) -> Void
    ) {
        for channel in channels {
            precondition(
                (1...63).contains(channel.utf8.count)
                    && channel.utf8.allSatisfy {
                        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
                    },
                "no name for a channel")
        }
        connector = PostgresConnector(address: address, limits: limits)
        self.channels = channels
        self.loop = loop
        self.observe = observe
        self.heard = heard
        connect()
    }

    deinit { state.withLock { $0.session }?.close() }

    /// The signals as a stream; of more than `bufferMax` that nobody has taken the oldest go. It ends with `close`
    /// of the listener that is returned with it.
    public static func stream(
        _ address: PostgresAddress, channels: [String], loop: EventLoop, limits: PostgresLimits = PostgresLimits(),
        bufferMax: Int = 1000
    ) -> (PostgresListener, AsyncStream<Signal>) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Signal.self, bufferingPolicy: .bufferingNewest(bufferMax))
        let listener = PostgresListener(address, channels: channels, loop: loop, limits: limits) {
            continuation.yield($0)
        }
        listener.state.withLock { state in state.whenClosed = { continuation.finish() } }
        return (listener, stream)
    }

    /// Nothing is heard after it. A second call does nothing.
    public func close() {
        let (session, end) = state.withLock { state in
            state.isClosed = true
            defer {
                state.whenClosed = nil
                state.session = nil
            }
            return (state.session, state.whenClosed)
        }
        session?.close()
        end?()
    }

    private func connect() {
        Task { [self] in
            switch await connector.open() {
            case .failure(let error):
                observe(.unreachable(error))
                connectLater()
            case .success(let handle): loop.execute { [self] in start(handle) }
            }
        }
    }

    private func start(_ handle: PostgresHandle) {
        var hooks = PostgresSession.Hooks()
        hooks.died = { [weak self] _, error in self?.lost(error) }
        hooks.notified = { [weak self] channel, payload in self?.hear(.notice(channel: channel, payload: payload)) }
        let session = PostgresSession(loop: loop, limits: connector.limits, hooks: hooks)
        let isClosed = state.withLock { state in
            state.session = session
            return state.isClosed
        }
        guard !isClosed else { return session.close() }
        do throws(DatabaseError) {
            try session.start(handle)
        } catch {
            return lost(error)
        }
        Task { [self] in
            let outcome = await session.fly(channels.map { .statement(DatabaseStatement("LISTEN \($0)")) })
            guard outcome.failure == nil else { return session.close() }
            state.withLock { $0.failures = 0 }
            observe(.connected)
            loop.execute { [self] in
                hear(.listening)
                ping(session)
            }
        }
    }

    private func hear(_ signal: Signal) { if !state.withLock({ $0.isClosed }) { heard(signal) } }

    /// A connection on which nothing is ever asked would be dead for as long as the system's keep-alive takes.
    private func ping(_ session: PostgresSession) {
        _ = loop.after(seconds: Self.pingSeconds) { [weak self] in
            guard session.isAlive else { return }
            session.send([.statement(DatabaseStatement("SELECT 1"))])
            self?.ping(session)
        }
    }

    private func lost(_ error: DatabaseError) {
        guard !state.withLock({ $0.isClosed }) else { return }
        observe(.lost(error))
        connectLater()
    }

    private func connectLater() {
        let pause = state.withLock { state -> Double? in
            state.session = nil
            state.failures += 1
            return state.isClosed ? nil : connector.limits.backoff(failures: state.failures)
        }
        guard let pause else { return }
        loop.execute { [weak self, loop] in
            _ = loop.after(seconds: pause) { [weak self] in self?.connect() }
        }
    }
}
