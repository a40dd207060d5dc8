internal import HTTP
internal import Reactor
internal import Telemetry

/// Until when the peer must have done what the connection waits for; one timer for all, which is moved lazily.
struct ConnectionDeadlines {
    private(set) var read: UInt64?
    var write: UInt64?
    /// Of the content that is waited for.
    var bodyLag = PeerLag()
    /// Of the reader of what waits to be sent.
    var readerLag = PeerLag()
    /// Bytes came since the last look.
    var hasReceived = false

    private var awaiting: ConnectionState.Awaiting?
    private var isFirst = true
    private var timer: TimerID?
    private var armed: UInt64 = .max

    /// While it lasts, nothing else is waited for; the time of the first head begins at its end.
    mutating func handshakeIsPending(at time: UInt64, _ limits: ConnectionLimits) {
        if read == nil { read = time + nanoseconds(limits.handshakeSeconds) }
    }

    mutating func handshakeEnded() { read = nil }

    /// A head is complete: what is awaited from now on belongs to a new request.
    mutating func requestBegan() {
        awaiting = nil
        isFirst = false
        bodyLag = PeerLag()
    }

    mutating func update(_ now: ConnectionState.Awaiting, at time: UInt64, _ limits: ConnectionLimits) {
        let changed = awaiting != now
        awaiting = now
        defer { hasReceived = false }
        switch now {
        case .request:
            if changed { read = time + nanoseconds(isFirst ? limits.headerSeconds : limits.idleKeepAliveSeconds) }
        case .head:
            // The first head's time runs from the accept.
            if changed && !(isFirst && read != nil) { read = time + nanoseconds(limits.headerSeconds) }
        case .body:
            bodyLag.waitBegins(at: time)
            if changed || hasReceived { read = time + nanoseconds(limits.bodyIdleSeconds) }
        case .response: read = nil
        case .linger: if changed { read = time + nanoseconds(limits.lingerSeconds) }
        }
    }

    /// Whether a deadline comes before the timer fires. A later one only moves it when it fires: a request on a
    /// kept-alive connection costs no timer.
    var needsTimer: Bool { min(read ?? .max, write ?? .max) < armed }

    /// Sees to it that the timer fires no later than the earliest deadline.
    mutating func arm(on loop: EventLoop, _ expired: @escaping () -> Void) {
        let earliest = min(read ?? .max, write ?? .max)
        if let timer { loop.cancel(timer) }
        armed = earliest
        timer = loop.at(earliest, expired)
    }

    mutating func fired() {
        timer = nil
        armed = .max
    }

    mutating func cancel(on loop: EventLoop) {
        if let timer { loop.cancel(timer) }
        fired()
    }
}

func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(max(0, seconds) * 1e9) }

extension Connection {
    func updateDeadlines() {
        if transport.handshake == .pending {
            deadlines.handshakeIsPending(at: loop.now, limits)
        } else {
            deadlines.update(state.awaiting, at: loop.now, limits)
        }
        armTimer()
    }

    func armTimer() {
        guard deadlines.needsTimer else { return }
        deadlines.arm(on: loop) { [self] in timerFired() }
    }

    func noteReceived(_ count: Int) {
        guard count > 0 else { return }
        server.context.metrics.received.increment(by: count)
        deadlines.hasReceived = true
        guard state.awaiting == .body else { return }
        deadlines.bodyLag.moved(count, at: loop.now, bytesPerSecondMin: limits.bodyBytesPerSecondMin)
        if deadlines.bodyLag.seconds > limits.bodyRateGraceSeconds {
            server.context.metrics.timeouts.increment()
            state.timedOut()
        }
    }

    private func timerFired() {
        deadlines.fired()
        guard !isClosed else { return }
        if let write = deadlines.write, write <= loop.now, !readerKeepsUp() { return writeStalled() }
        if let read = deadlines.read, read <= loop.now {
            let isQuiet = state.awaiting == .request || state.awaiting == .linger
            if !isQuiet || transport.handshake == .pending { server.context.metrics.timeouts.increment() }
            state.timedOut()
            drive()
        }
        if !isClosed { armTimer() }
    }
}
