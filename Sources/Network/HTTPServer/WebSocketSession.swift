internal import HTTP
internal import Reactor
internal import Telemetry

/// A connection that has become a WebSocket: carries out what `WebSocketState` says, and is its handler's channel.
///
/// The peer's end, in order or by a fault, waits behind the messages that came before it: what the handler answers to
/// them is still sent, then the Close. A handler that takes too long over it is not waited for.
final class WebSocketSession: @unchecked Sendable {
    // SAFETY: touched only on the connection's loop; the channel's calls from elsewhere go over to it first.

    typealias Received = Result<WebSocketMessage?, WebSocketEnd>

    private enum Waiting {
        /// For the time of the next ping.
        case pingDue
        case pong(since: Int)
        /// For the peer's Close, or for the handler to take what came before it.
        case close
    }

    let connection: Connection
    private let exchange: Exchange
    private let limits: WebSocketLimits
    private var state: WebSocketState
    private var messages: [WebSocketMessage] = []
    private var nextMessage = 0
    private var queuedByteCount = 0
    private var receiver: CheckedContinuation<Received, Never>?
    private var senders: [CheckedContinuation<Result<Void, WebSocketEnd>, Never>] = []
    /// The peer's part is over; it counts once the messages are taken.
    private var peerEnd: WebSocketEnd?
    /// Nothing is sent or received any more.
    private var end: WebSocketEnd?
    /// The handler has returned.
    private var whenEnded: CheckedContinuation<Void, Never>?
    private var hasGivenUp = false
    private var timer: TimerID?
    private var waiting = Waiting.pingDue
    private var receivedByteCount = 0
    private var pingNumber: UInt32 = 0
    private var isHoldingBack = false

    init(_ upgrade: WebSocketUpgrade, connection: Connection, exchange: Exchange) {
        self.connection = connection
        self.exchange = exchange
        limits = upgrade.limits
        state = WebSocketState(limits: upgrade.limits, compression: upgrade.compression)
    }

    private var loop: EventLoop { connection.loop }
    private var metrics: WebSocketMetrics { connection.server.context.metrics.webSockets }
    private var queueIsEmpty: Bool { nextMessage == messages.count }
    private var queueIsFull: Bool {
        messages.count - nextMessage >= limits.queuedMessagesMax || queuedByteCount >= limits.queuedBytesMax
    }
    private var outputIsFull: Bool { connection.output.byteCount > connection.limits.writeQueueBytesMax }

    func begin() {
        metrics.open.add(1)
        wait(.pingDue, seconds: limits.pingSeconds)
    }

    // MARK: What the peer sends

    /// False while the peer is held back: the queue of messages is full, or it does not read our answers.
    var wantsBytes: Bool {
        guard peerEnd == nil, end == nil else { return false }
        let isFull = queueIsFull || outputIsFull
        if isFull { isHoldingBack = true }
        return !isFull
    }

    func advance(_ bytes: UnsafeRawBufferPointer) -> WebSocketState.Step {
        let step = state.advance(bytes)
        receivedByteCount += step.consumed
        return step
    }

    func carryOut(_ action: WebSocketState.Action) {
        switch action {
        case .readMore: break
        case .message(let message): deliver(message)
        case .send(let frame): send([frame])
        case .pong(let payload):
            if case .pong = waiting, payload == pingPayload { wait(.pingDue, seconds: limits.pingSeconds) }
        case .end(let end): peerEnded(end)
        }
    }

    func peerVanished() { finish(state.peerVanished()) }

    private func deliver(_ message: WebSocketMessage) {
        metrics.received.increment()
        if let receiver {
            self.receiver = nil
            return receiver.resume(returning: .success(message))
        }
        messages.append(message)
        queuedByteCount += message.bytes.count
    }

    private func peerEnded(_ end: WebSocketEnd) {
        peerEnd = end
        guard !state.isClosing, receiver == nil else { return answerPeersEnd() }
        wait(.close, seconds: limits.closeSeconds)
    }

    /// Everything before the peer's end is dealt with.
    private func answerPeersEnd() {
        guard let peerEnd else { return }
        if let farewell = state.farewell() { connection.output.append(farewell) }
        finish(peerEnd)
    }

    private func takeMessage() -> WebSocketMessage? {
        guard !queueIsEmpty else { return nil }
        let message = messages[nextMessage]
        nextMessage += 1
        queuedByteCount -= message.bytes.count
        if queueIsEmpty {
            messages.removeAll(keepingCapacity: true)
            nextMessage = 0
        }
        return message
    }

    /// Reads on once there is room for a good part again, not for each message.
    private func readOn() {
        guard isHoldingBack, (messages.count - nextMessage) * 2 <= limits.queuedMessagesMax,
            queuedByteCount * 2 <= limits.queuedBytesMax, !outputIsFull
        else { return }
        isHoldingBack = false
        connection.driveSoon()
    }

    /// What a receiver gets without waiting.
    private func received() -> Received? {
        if let message = takeMessage() {
            readOn()
            return .success(message)
        }
        answerPeersEnd()
        if hasGivenUp { return .failure(end ?? WebSocketEnd(.lost, .abnormal)) }
        guard let end else { return state.isClosing ? .success(nil) : nil }
        return end.cause == .closed ? .success(nil) : .failure(end)
    }

    private func demand(_ waiter: CheckedContinuation<Received, Never>) {
        if let received = received() { return waiter.resume(returning: received) }
        precondition(receiver == nil, "two tasks receive from one WebSocket")
        receiver = waiter
    }

    // MARK: What this side sends

    private func send(_ pieces: [[UInt8]]) {
        for piece in pieces { connection.output.append(piece) }
        connection.flushSoon()
    }

    /// The end, if the message cannot be sent.
    private func put(_ message: WebSocketMessage) -> WebSocketEnd? {
        if let end { return end }
        let pieces = state.send(message)
        guard !pieces.isEmpty else { return WebSocketEnd(.closed, .normal) }
        metrics.sent.increment()
        send(pieces)
        return nil
    }

    private func send(_ message: WebSocketMessage, _ waiter: CheckedContinuation<Result<Void, WebSocketEnd>, Never>) {
        if let end = put(message) { return waiter.resume(returning: .failure(end)) }
        guard outputIsFull else { return waiter.resume(returning: .success(())) }
        senders.append(waiter)
    }

    func roomIsFree() {
        let waiting = senders
        senders = []
        for sender in waiting { sender.resume(returning: .success(())) }
        readOn()
    }

    private func close(_ code: WebSocketCloseCode, _ reason: String) {
        guard end == nil else { return }
        if peerEnd != nil { return answerPeersEnd() }
        guard let frame = state.close(code, reason: reason) else { return }
        messages = []
        nextMessage = 0
        queuedByteCount = 0
        send([frame])
        receiver?.resume(returning: .success(nil))
        receiver = nil
        wait(.close, seconds: limits.closeSeconds)
        // The peer's Close may wait behind messages that filled the queue.
        readOn()
    }

    /// The server shuts down: the peer is told, and its answer awaited for a moment.
    func drain() { close(.goingAway, "The server is shutting down") }

    // MARK: Time

    private func wait(_ what: Waiting, seconds: Double) {
        if let timer { loop.cancel(timer) }
        waiting = what
        timer = loop.after(seconds: seconds) { [self] in timerFired() }
    }

    private var pingPayload: [UInt8] { Array(String(pingNumber).utf8) }

    private func timerFired() {
        timer = nil
        switch waiting {
        case .pingDue:
            // Its pong would wait behind what is not read.
            if !isHoldingBack { ping() } else { wait(.pingDue, seconds: limits.pingSeconds) }
        case .pong(let since):
            // A long message on its way holds the pong up.
            let isSending = Double(receivedByteCount - since) >= limits.bytesPerSecondMin * limits.pongSeconds
            guard !isHoldingBack, !isSending else {
                return wait(.pong(since: receivedByteCount), seconds: limits.pongSeconds)
            }
            connection.server.context.metrics.timeouts.increment()
            connection.abort()
        case .close:
            if peerEnd != nil { return answerPeersEnd() }
            finish(WebSocketEnd(.closed, .abnormal))
        }
    }

    private func ping() {
        pingNumber &+= 1
        guard let frame = state.ping(pingPayload) else { return }
        send([frame])
        wait(.pong(since: receivedByteCount), seconds: limits.pongSeconds)
    }

    // MARK: The end

    /// Nothing is sent or received any more; what is queued is flushed and the connection closed.
    private func finish(_ end: WebSocketEnd) {
        guard conclude(end) else { return }
        connection.complete(exchange)
    }

    /// The connection is gone, or done with: so is the handler, also one that has heard nothing of it.
    func connectionEnded() {
        _ = conclude(WebSocketEnd(.lost, .abnormal))
        exchange.handler?.cancel()
    }

    /// False if it had ended before.
    private func conclude(_ end: WebSocketEnd) -> Bool {
        guard self.end == nil else { return false }
        self.end = end
        metrics.open.add(-1)
        if let timer { loop.cancel(timer) }
        timer = nil
        messages = []
        nextMessage = 0
        receiver?.resume(returning: end.cause == .closed ? .success(nil) : .failure(end))
        receiver = nil
        for sender in senders { sender.resume(returning: .failure(end)) }
        senders = []
        whenEnded?.resume()
        whenEnded = nil
        return true
    }

    private func ended() async {
        await withCheckedContinuation { waiter in
            loop.execute { [self] in
                if end == nil { whenEnded = waiter } else { waiter.resume() }
            }
        }
    }

    /// Who cancels a wait gives the receiving up, also for a wait that has not begun yet.
    private func giveUp() {
        hasGivenUp = true
        receiver?.resume(returning: .failure(WebSocketEnd(.lost, .abnormal)))
        receiver = nil
    }

    /// The handler's task. Returns when the handler has; the connection ends in its own time.
    func run(_ handler: WebSocketHandler) async {
        do {
            try await handler(self)
            await close(.normal, reason: "")
        } catch {
            if !(error is WebSocketEnd) && !(error is CancellationError) {
                connection.server.context.log.error("a WebSocket's handler failed", ["cause": "\(error)"])
            }
            await close(.internalError, reason: "")
        }
        await ended()
    }
}

// MARK: The channel

extension WebSocketSession: WebSocketChannel {
    func receive() async throws(WebSocketEnd) -> WebSocketMessage? {
        if loop.isCurrent, receiver == nil, let received = received() { return try received.get() }
        let received = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                loop.execute { [self] in demand(waiter) }
            }
        } onCancel: {
            loop.execute { [self] in giveUp() }
        }
        return try received.get()
    }

    func send(_ message: WebSocketMessage) async throws(WebSocketEnd) {
        if loop.isCurrent, !outputIsFull {
            if let end = put(message) { throw end }
            return
        }
        let result = await withCheckedContinuation { waiter in
            loop.execute { [self] in send(message, waiter) }
        }
        try result.get()
    }

    func close(_ code: WebSocketCloseCode, reason: String) async {
        loop.execute { [self] in close(code, reason) }
    }
}
