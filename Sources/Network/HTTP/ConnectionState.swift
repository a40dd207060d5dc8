internal import Core

/// One HTTP/1.1 connection as a value: events in, actions out, no I/O and no clock.
///
/// ## The protocol between the server and this state
/// The server owns the socket, the read buffer, the write queue and the timers. It reports what happened by calling
/// one of the events, and after **every** event, and after every action it carried out, it calls `advance` with all
/// unconsumed bytes of the read buffer:
///
///     repeat { let step = state.advance(buffer.unread); buffer.drop(step.consumed); carryOut(step.action) }
///     until the action is .readMore, .pause or .close
///
/// | event | when |
/// |---|---|
/// | (none, only `advance`) | bytes were read into the buffer |
/// | `bodyDemanded()` | the handler's `RequestBody.next()` waits; at most one piece is delivered per demand |
/// | `responseBegins(plan)` | a response head is about to be written, framed as `plan(…)` said just before |
/// | `responseFinished()` | the last byte of the response is in the write queue |
/// | `responseAborted()` | a begun response cannot be completed (the handler's stream threw) |
/// | `peerClosed()` | read(2) answered 0; bytes before it are still served |
/// | `drain()` | no further request shall be taken |
/// | `timedOut()` | the timer for `awaiting` ran out |
///
/// | action | what the server does |
/// |---|---|
/// | `.readMore` | waits for bytes; keeps the unconsumed ones, which may fill up to `MessageLimits.headBytesMax` |
/// | `.pause` | stops reading (back-pressure); a later event goes on |
/// | `.head(request)` | starts the handler; body `.none` → `RequestBody.none`, else its `next()` → `bodyDemanded()` |
/// | `.body(range)` | gives the handler a copy of `view[range]` (offsets into the view just handed in) |
/// | `.bodyEnd` | `next()` returns nil |
/// | `.bodyFailed(e)` | `next()` throws `e`; the handler still answers, and the connection ends after that |
/// | `.sendContinue` | writes `HTTP/1.1 100 Continue`, CRLF, CRLF |
/// | `.refuse(r)` | answers `r.status` with a problem body, through `responseBegins` and `responseFinished` |
/// | `.halfClose` | flushes, then `shutdown(SHUT_WR)`, and reads on under a linger timer: `advance` eats the bytes |
/// | `.close` | flushes and closes. After `responseAborted` it closes without flushing |
///
/// A socket error (reset, failed write) needs no event: the server drops the state, fails the handler's reads and
/// writes with `disconnected` and closes. Requests are answered strictly in order: a pipelined request stays in the
/// buffer, `.pause`, until the response before it is finished.
public struct ConnectionState: Sendable {
    public enum Action: Sendable {
        case readMore
        case pause
        case head(ParsedRequest)
        case body(Range<Int>)
        case bodyEnd
        case bodyFailed(BodyError)
        case sendContinue
        case refuse(Refusal)
        case halfClose
        case close
    }

    public struct Step: Sendable {
        /// Bytes at the front of the view that are done with.
        public let consumed: Int
        public let action: Action
    }

    /// What the connection waits for; each has a timer of its own in the server.
    public enum Awaiting: Hashable, Sendable {
        /// The next request, not a byte of it is here yet.
        case request
        /// The rest of a head.
        case head
        /// Content: the handler's, or what is skipped of an unread body.
        case body
        /// The handler. No timer of the peer runs.
        case response
        /// The peer's end after the last response.
        case linger
    }

    private enum Phase {
        case head
        case exchange
        case skipping(budget: Int)
        case closing(linger: Bool)
        case lingering(budget: Int)
        case closed
    }

    private let limits: MessageLimits
    private var phase = Phase.head
    private var parser: RequestParser
    private var decoder: BodyDecoder
    private var isHead = false
    private var minorVersion = 1
    private var keepsAlive = true
    private var owesContinue = false
    private var responseBegun = false
    private var demanded = false
    private var bodyFailure: BodyError?
    private var refusal: Refusal?
    private var peerHasClosed = false
    private var draining = false

    /// - Parameter isSecured: the connection is one of TLS.
    public init(limits: MessageLimits = MessageLimits(), isSecured: Bool = false) {
        self.limits = limits
        parser = RequestParser(limits: limits, isSecured: isSecured)
        decoder = BodyDecoder(.none, limits: limits)
    }

    public var awaiting: Awaiting {
        switch phase {
        case .head: parser.hasBegun ? .head : .request
        case .exchange: demanded ? .body : .response
        case .skipping: .body
        case .closing, .lingering, .closed: .linger
        }
    }
}

extension ConnectionState {
    /// Nothing can happen before bytes come: `advance` would answer `.readMore`.
    public var isIdle: Bool {
        guard case .head = phase else { return false }
        return !parser.hasBegun && refusal == nil && !draining && !peerHasClosed
    }
}

// MARK: Events

extension ConnectionState {
    /// The handler waits for content.
    public mutating func bodyDemanded() { demanded = true }

    /// How a response would be framed if its head were written now. Traps if no request waits for one.
    /// - Parameter length: the content's length in bytes, `nil` if it is not known beforehand.
    // Mutating, though it changes nothing: so the state is looked at where it lies, and not copied first.
    public mutating func plan(status: Int, length: Int?, closes: Bool = false) -> ResponsePlan {
        guard case .exchange = phase, !responseBegun else { preconditionFailure("no request waits for a response") }
        return ResponsePlan(
            status: status, length: length, isHead: isHead, minorVersion: minorVersion,
            keepsAlive: keepsAlive && !closes && !draining && bodyFailure == nil && !bodyForbidsKeepAlive)
    }

    /// The head of the response so planned is about to be written.
    public mutating func responseBegins(_ plan: ResponsePlan) {
        responseBegun = true
        keepsAlive = plan.keepsAlive
    }

    /// The response is complete.
    public mutating func responseFinished() {
        guard case .exchange = phase, responseBegun else { preconditionFailure("no response has begun") }
        demanded = false
        guard keepsAlive, bodyFailure == nil, !bodyForbidsKeepAlive else { return phase = .closing(linger: true) }
        if decoder.isFinished {
            awaitNextRequest()
        } else {
            phase = .skipping(budget: limits.unreadBodySkipBytesMax)
        }
    }

    /// The response cannot be completed: only the missing end of its framing tells the peer (RFC 9112 §8).
    public mutating func responseAborted() { phase = .closing(linger: false) }

    /// The peer sends nothing more.
    public mutating func peerClosed() { peerHasClosed = true }

    /// The request under way is the last one.
    public mutating func drain() { draining = true }

    /// The peer was too slow with what `awaiting` names.
    public mutating func timedOut() {
        switch phase {
        case .head where parser.hasBegun: refusal = Refusal(.requestTimeout, "The request head took too long")
        case .exchange where demanded: bodyFailure = bodyFailure ?? .timeout
        case .exchange: break
        case .head, .skipping, .closing, .lingering, .closed: phase = .closing(linger: false)
        }
    }
}

// MARK: Actions

extension ConnectionState {
    /// The next thing to do, given all unconsumed bytes of the read buffer.
    public mutating func advance(_ bytes: UnsafeRawBufferPointer) -> Step {
        var offset = 0
        while true {
            switch phase {
            case .head: return advanceHead(bytes, from: offset)
            case .exchange: return advanceBody(bytes, from: offset)
            case .skipping(let budget):
                if let step = skip(bytes, offset: &offset, budget: budget) { return step }
            case .closing(let linger):
                guard linger, !peerHasClosed else {
                    phase = .closed
                    return Step(consumed: bytes.count, action: .close)
                }
                phase = .lingering(budget: limits.lingerBytesMax)
                return Step(consumed: bytes.count, action: .halfClose)
            case .lingering(let budget):
                guard bytes.count <= budget, !peerHasClosed else {
                    phase = .closed
                    return Step(consumed: bytes.count, action: .close)
                }
                phase = .lingering(budget: budget - bytes.count)
                return Step(consumed: bytes.count, action: .readMore)
            case .closed: return Step(consumed: bytes.count, action: .close)
            }
        }
    }

    private mutating func advanceHead(_ bytes: Bytes, from offset: Int) -> Step {
        if let refusal { return refuse(refusal, consumed: offset) }
        if draining, !parser.hasBegun, offset == bytes.count {
            phase = .closed
            return Step(consumed: offset, action: .close)
        }
        switch parser.parse(bytes.sub(from: offset)) {
        case .needMore:
            guard !peerHasClosed else {
                phase = .closed
                return Step(consumed: bytes.count, action: .close)
            }
            return Step(consumed: offset, action: .readMore)
        case .refused(let refusal):
            return refuse(refusal, consumed: offset)
        case .complete(let request, let consumed):
            decoder.begin(request.framing)
            // Whatever the handler would make of it: with what is here the end of the body cannot be found.
            guard !decoder.fails(on: bytes.sub(from: offset + consumed)) else {
                return refuse(Refusal(.badRequest, "The chunked body is malformed"), consumed: offset + consumed)
            }
            isHead = request.head.method == "HEAD"
            minorVersion = request.head.minorVersion
            keepsAlive = request.keepsAlive
            owesContinue = request.expectsContinue && !decoder.isFinished
            phase = .exchange
            return Step(consumed: offset + consumed, action: .head(request))
        }
    }

    private mutating func refuse(_ refusal: Refusal, consumed: Int) -> Step {
        isHead = parser.isHead
        decoder.begin(.none)
        keepsAlive = false
        self.refusal = nil
        phase = .exchange
        return Step(consumed: consumed, action: .refuse(refusal))
    }

    private mutating func advanceBody(_ bytes: Bytes, from offset: Int) -> Step {
        guard demanded else { return Step(consumed: offset, action: .pause) }
        if let bodyFailure { return failBody(bodyFailure, consumed: offset) }
        if offset < bytes.count { owesContinue = false }
        if owesContinue, !responseBegun, !peerHasClosed {
            owesContinue = false
            return Step(consumed: offset, action: .sendContinue)
        }
        switch decoder.decode(bytes.sub(from: offset)) {
        case .needMore(let consumed):
            if peerHasClosed { return failBody(.disconnected, consumed: offset + consumed) }
            return Step(consumed: offset + consumed, action: .readMore)
        case .data(let range, let consumed):
            demanded = false
            let shifted = range.lowerBound + offset..<range.upperBound + offset
            return Step(consumed: offset + consumed, action: .body(shifted))
        case .end(let consumed):
            demanded = false
            return Step(consumed: offset + consumed, action: .bodyEnd)
        case .failed(let error):
            return failBody(error, consumed: offset)
        }
    }

    private mutating func failBody(_ error: BodyError, consumed: Int) -> Step {
        demanded = false
        bodyFailure = error
        return Step(consumed: consumed, action: .bodyFailed(error))
    }

    /// `nil` once the phase has changed.
    private mutating func skip(_ bytes: Bytes, offset: inout Int, budget: Int) -> Step? {
        let start = offset
        while true {
            let step = decoder.decode(bytes.sub(from: offset))
            switch step {
            case .needMore(let consumed), .data(_, let consumed), .end(let consumed): offset += consumed
            case .failed:
                phase = .closing(linger: true)
                return nil
            }
            guard offset - start <= budget else {
                phase = .closing(linger: true)
                return nil
            }
            if case .end = step {
                awaitNextRequest()
                return nil
            }
            if case .needMore = step { break }
        }
        guard !peerHasClosed else {
            phase = .closing(linger: false)
            return nil
        }
        phase = .skipping(budget: budget - (offset - start))
        return Step(consumed: offset, action: .readMore)
    }

    private mutating func awaitNextRequest() {
        guard !draining else { return phase = .closing(linger: true) }
        parser.reset()
        responseBegun = false
        owesContinue = false
        demanded = false
        phase = .head
    }

    /// An unread body that may not come (its 100 was never sent), or is too long to skip.
    private var bodyForbidsKeepAlive: Bool {
        guard !decoder.isFinished else { return false }
        return owesContinue || (decoder.remainingLength ?? 0) > limits.unreadBodySkipBytesMax
    }
}
