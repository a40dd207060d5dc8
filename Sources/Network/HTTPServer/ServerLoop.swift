internal import Core
internal import HTTP
internal import Reactor
internal import Telemetry

/// One event loop of a server with its listener and its connections.
final class ServerLoop: @unchecked Sendable {
    // SAFETY: `start` and `drain` may be called from anywhere and go over to the loop; the rest is touched only there.

    let loop: EventLoop
    let context: ServerContext
    /// Where every read of the loop goes first: an idle connection holds no buffer.
    let readBuffer: UnsafeMutableRawBufferPointer
    /// A connection is working on what lies in `readBuffer`.
    var isBufferLent = false
    private let listener: Listener
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var handlerCount = 0
    private var idleHandlers: [HandlerTask] = []
    private var idleExchange: Exchange?
    /// Where responses are put together: one is sent before the next is begun.
    private var buffer: ByteBuffer?
    private(set) var isDraining = false
    /// Waits in `drain`; gets false if handlers would not end.
    private var whenEmpty: CheckedContinuation<Bool, Never>?
    private var dateSecond: UInt64 = .max
    private var standing: [UInt8] = []

    init(loop: EventLoop, listener: Listener, context: ServerContext) {
        self.loop = loop
        self.listener = listener
        self.context = context
        // SAFETY: freed in deinit; connections use it only within one call on the loop's thread.
        readBuffer = .allocate(byteCount: context.configuration.limits.readBytesMax, alignment: 16)
    }

    deinit { readBuffer.deallocate() }

    func start() {
        loop.execute { [self] in
            do throws(SystemCallError) {
                try listener.start(
                    on: loop, accept: { [self] socket, peer in accept(socket, peer) },
                    shed: { [self] socket, peer in shed(socket, peer) })
            } catch {
                context.log.error("cannot listen", ["cause": error])
            }
        }
    }

    /// The lines that every response has; made once a second.
    func standingLines() -> [UInt8] {
        let second = loop.now / 1_000_000_000
        if second != dateSecond {
            dateSecond = second
            standing = ResponseSerializer.standingLines(
                date: HTTPDate.format(SystemTime().now()), context.configuration.standingFields)
        }
        return standing
    }

    // MARK: Connections

    private func accept(_ socket: consuming Socket, _ peer: SocketAddress) {
        let refusal: Refusal?
        switch context.enter(peer) {
        case .admitted: refusal = nil
        case .refused(let reason): refusal = Refusal(.overloaded, reason)
        case .dropped: return
        }
        let connection: Connection
        do throws(SystemCallError) {
            let transport = try Transport(socket, tls: context.tls)
            connection = Connection(transport, peer: peer, server: self, refusal: refusal)
        } catch {
            return context.leave(peer, wasAdmitted: refusal == nil)
        }
        connections[ObjectIdentifier(connection)] = connection
        connection.open()
        if isDraining { connection.drain() }
    }

    /// No descriptor is left for more than a word: the reserve must be free again at once.
    private func shed(_ socket: consuming Socket, _ peer: SocketAddress) {
        context.metrics.shed.increment()
        context.log.warning("out of descriptors: connection shed", ["peer": peer.host])
        // There is no time for a handshake.
        guard context.configuration.tls == nil else { return }
        let seconds = context.configuration.limits.retryAfterSeconds
        let answer =
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: \(seconds)\r\n"
            + "Content-Length: 0\r\nConnection: close\r\n\r\n"
        _ = try? Array(answer.utf8).withUnsafeBytes { try socket.write($0) }
    }

    func connectionEnded(_ connection: Connection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        context.leave(connection.peer, wasAdmitted: !connection.isRefusing)
        checkEmpty()
    }

    // MARK: Handlers

    /// An idle handler, or a new one.
    func handlerBegan() -> HandlerTask {
        handlerCount += 1
        return idleHandlers.popLast() ?? HandlerTask(self)
    }

    func handlerEnded() {
        handlerCount -= 1
        checkEmpty()
    }

    var keepsIdleHandler: Bool { !isDraining && idleHandlers.count < Self.idleHandlersMax }

    func handlerIsIdle(_ handler: HandlerTask) { idleHandlers.append(handler) }

    private static let idleHandlersMax = 64

    // MARK: Exchanges

    /// One that has ended, or a new one: to allocate and free one costs more than what an exchange is needed for.
    func exchangeBegan(hasBody: Bool) -> Exchange {
        guard let idle = idleExchange.take() else { return Exchange(hasBody: hasBody) }
        idle.begin(hasBody: hasBody)
        return idle
    }

    /// Keeps an exchange that was answered at once, unless someone else still knows it.
    func exchangeEnded(_ exchange: consuming Exchange) {
        guard isKnownUniquelyReferenced(&exchange), exchange.handler == nil else { return }
        idleExchange = exchange
    }

    // MARK: The buffer

    /// Empty, with the room of the response before.
    func takeBuffer() -> ByteBuffer {
        var taken = buffer.take() ?? ByteBuffer(capacity: 4096)
        taken.truncate(to: 0)
        return taken
    }

    func giveBack(_ taken: consuming ByteBuffer) { buffer = consume taken }

    // MARK: Drain

    /// Returns false if handlers ignored their cancellation.
    func drain() async -> Bool {
        await withCheckedContinuation { done in
            loop.execute { self.beginDrain(done) }
        }
    }

    private func beginDrain(_ done: CheckedContinuation<Bool, Never>) {
        isDraining = true
        whenEmpty = done
        listener.stop()
        for handler in idleHandlers { handler.end() }
        idleHandlers = []
        for connection in Array(connections.values) { connection.drain() }
        let limits = context.configuration.limits
        _ = loop.after(seconds: limits.drainSeconds) { [self] in cutOff() }
        _ = loop.after(seconds: limits.drainSeconds + limits.cancelSeconds) { [self] in giveUp() }
        checkEmpty()
    }

    private func cutOff() {
        guard whenEmpty != nil else { return }
        context.log.warning("drain: cutting off", ["connections": connections.count, "handlers": handlerCount])
        for connection in Array(connections.values) { connection.abort() }
    }

    private func giveUp() {
        guard let done = whenEmpty else { return }
        whenEmpty = nil
        context.log.error("drain: handlers ignore their cancellation", ["handlers": handlerCount])
        done.resume(returning: false)
    }

    private func checkEmpty() {
        guard connections.isEmpty, handlerCount == 0, let done = whenEmpty else { return }
        whenEmpty = nil
        done.resume(returning: true)
    }
}
