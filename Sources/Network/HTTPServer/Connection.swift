internal import Core
internal import HTTP
internal import Reactor

/// One client's connection: carries out what `ConnectionState` says, on the loop of its socket.
final class Connection: EventSource, @unchecked Sendable {
    // SAFETY: touched only on its loop's thread; handlers' calls from elsewhere go over to it first.

    let server: ServerLoop
    let peer: SocketAddress
    let peerHost: String
    let peerSubscriber: String
    var transport: Transport
    /// Let in over a limit, only to be told so.
    let refusal: Refusal?

    var state: ConnectionState
    var output = OutputQueue()
    /// Acknowledged by the peer's kernel, as of the last look.
    var takenByteCount = 0
    var exchange: Exchange?
    var isClosed = false
    /// The write side is full; the next writable edge goes on.
    var isBlocked = false
    var isFlushScheduled = false
    var isHandshakeOver = false

    private var registration: Registration?
    var input = InputBuffer()
    private var holdsBuffer = false
    private var canRead = true
    private(set) var hasReadEnd = false
    private var peerHasShutDown = false
    private var isDriving = false
    private var isDriveScheduled = false
    var deadlines = ConnectionDeadlines()

    init(_ transport: consuming Transport, peer: SocketAddress, server: ServerLoop, refusal: Refusal?) {
        // A handshake is still to come.
        let isSecured = transport.handshake != .none
        self.transport = transport
        self.peer = peer
        self.server = server
        self.refusal = refusal
        peerHost = peer.host
        peerSubscriber = peer.subscriber.host
        state = ConnectionState(limits: server.context.configuration.messages, isSecured: isSecured)
    }

    var isRefusing: Bool { refusal != nil }
    var loop: EventLoop { server.loop }
    var limits: ConnectionLimits { server.context.configuration.limits }

    // MARK: Events

    func open() {
        transport.setNoDelay()
        do throws(SystemCallError) {
            registration = try transport.register(with: loop, self)
        } catch {
            return close()
        }
        drive()
    }

    func ready(_ events: ReadyEvents) {
        let events = transport.allows(events)
        if events.contains(.failed) { return close() }
        if !events.isDisjoint(with: .peerClosed) { peerHasShutDown = true }
        if !events.isDisjoint(with: [.readable, .peerClosed]) { canRead = true }
        // Said with every event of a socket that has room, and of interest only where there was none.
        if isBlocked, events.contains(.writable) {
            isBlocked = false
            flush()
        }
        cancelIfGone()
        drive()
    }

    /// The request under way is the last; an idle connection closes.
    func drain() {
        guard !isClosed else { return }
        state.drain()
        exchange?.webSocket?.drain()
        drive()
    }

    /// Ends the connection in the middle of what it does.
    func abort() {
        guard !isClosed else { return }
        transport.resetOnClose()
        close()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        deadlines.cancel(on: loop)
        if let registration { transport.deregister(from: loop, registration) }
        // Now, not with the last reference: a handler may hold that for long.
        transport.close()
        giveBufferBack()
        input.removeAll()
        output.removeAll()
        endExchange()
        server.connectionEnded(self)
    }

    private func endExchange() {
        guard let exchange else { return }
        self.exchange = nil
        exchange.deliver(.failure(.disconnected))
        exchange.endWriting(.disconnected)
        exchange.handler?.cancel()
    }

    /// A peer that has shut its side down and owes no content any more has, as far as can be known, gone: its
    /// handler is cancelled, yet what it answers is still sent, in case the peer only half-closed.
    private func cancelIfGone() {
        // A WebSocket hears of it when what came before is read.
        guard peerHasShutDown, let exchange, exchange.webSocket == nil else { return }
        if exchange.bodyEnd != nil { exchange.handler?.cancel() }
    }

    // MARK: Driving the state

    enum Outcome {
        case again
        case wait
        case needBytes
    }

    /// Lets the state advance until it waits for something that is not there.
    func drive() {
        guard !isDriving, !isClosed else { return }
        isDriving = true
        var reads = 0
        steps: while !isClosed {
            switch step() {
            case .again: continue
            case .wait: break steps
            case .needBytes:
                guard canRead else { break steps }
                guard reads < limits.readsPerTurnMax else {
                    driveSoon()
                    break steps
                }
                reads += 1
                receive()
            }
        }
        isDriving = false
        giveBufferBack()
        if !isClosed { updateDeadlines() }
    }

    /// What is left in the loop's buffer is copied: other connections read into it.
    private func giveBufferBack() {
        guard holdsBuffer else { return }
        input.keep()
        holdsBuffer = false
        server.isBufferLent = false
    }

    func driveSoon() {
        guard !isDriveScheduled else { return }
        isDriveScheduled = true
        loop.later { [self] in
            isDriveScheduled = false
            drive()
        }
    }

    private func step() -> Outcome {
        if let socket = exchange?.webSocket { return step(socket) }
        if input.isEmpty, state.isIdle { return .needBytes }
        let step = input.withBytes { state.advance($0) }
        if case .body(let range) = step.action {
            exchange?.deliver(.success(input.take(range, dropping: step.consumed)))
            deadlines.bodyLag.waitEnds(at: loop.now)
            return .again
        }
        input.drop(step.consumed)
        return carryOut(step.action)
    }

    private func carryOut(_ action: ConnectionState.Action) -> Outcome {
        switch action {
        case .readMore: return .needBytes
        case .pause: return .wait
        case .head(let request):
            deadlines.requestBegan()
            begin(request)
            cancelIfGone()
        case .body: preconditionFailure("taken out of the buffer by step")
        case .bodyEnd:
            exchange?.deliver(.success(nil))
            cancelIfGone()
        case .bodyFailed(let error):
            exchange?.deliver(.failure(error))
            cancelIfGone()
        case .sendContinue:
            output.append(ResponseSerializer.continueResponse)
            flush()
        case .refuse(let refusal): refuse(refusal)
        case .halfClose: transport.shutdownWrite()
        case .close:
            close()
            return .wait
        }
        return .again
    }

    private func receive() {
        giveBufferBack()
        // A connection that drives another one holds the buffer: then it is this one's turn later.
        guard !server.isBufferLent else { return driveSoon() }
        do throws(SystemCallError) {
            defer { noteHandshake() }
            switch try transport.read(into: server.readBuffer) {
            case .bytes(let count):
                input.add(UnsafeRawBufferPointer(rebasing: server.readBuffer[..<count]))
                holdsBuffer = true
                server.isBufferLent = true
                canRead = !transport.isDrained || peerHasShutDown
                noteReceived(count)
            case .wouldBlock: canRead = false
            case .end:
                canRead = false
                guard !hasReadEnd else { return close() }
                hasReadEnd = true
                peerHasShutDown = true
                state.peerClosed()
                cancelIfGone()
            }
        } catch {
            close()
        }
    }
}
