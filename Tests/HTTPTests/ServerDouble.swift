import HTTP

/// A server in miniature around a `ConnectionState`: bytes in, a log of what it was told out.
struct ServerDouble {
    enum Handling {
        /// Reads the body to its end or failure, then answers.
        case readsBody
        /// Answers without a look at the body.
        case answersAtOnce
        /// Does nothing; the test drives on.
        case waits
    }

    var state: ConnectionState
    var handling: Handling
    var responseLength: Int? = 2
    private(set) var log: [String] = []
    private(set) var isClosed = false
    private(set) var plans: [ResponsePlan] = []
    private var unread: [UInt8] = []
    private var body: [UInt8] = []

    init(_ handling: Handling = .readsBody, limits: MessageLimits = MessageLimits()) {
        self.handling = handling
        state = ConnectionState(limits: limits)
    }

    var unreadCount: Int { unread.count }

    /// The log without what depends on how the bytes were cut: whether the peer was told to go on, and whether a
    /// malformed chunk came early enough to be refused before the handler was asked.
    var outcome: [String] {
        let failure = ["failed malformedChunk", "200 close"]
        var outcome: [String] = []
        for entry in log where entry != "continue" {
            outcome.append(entry)
            if outcome.suffix(2) == failure[...] {
                outcome.removeLast(3)
                outcome += ["refuse 400", "400 close"]
            }
        }
        return outcome
    }

    mutating func receive(_ text: String) { receive(Array(text.utf8)) }

    mutating func receive(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        unread += bytes
        pump()
    }

    mutating func peerCloses() {
        state.peerClosed()
        pump()
    }

    mutating func drains() {
        state.drain()
        pump()
    }

    mutating func timesOut() {
        state.timedOut()
        pump()
    }

    mutating func demandsBody() {
        state.bodyDemanded()
        pump()
    }

    mutating func aborts() {
        state.responseAborted()
        pump()
    }

    mutating func begins(status: Int = 200, closes: Bool = false) {
        let plan = state.plan(status: status, length: responseLength, closes: closes)
        state.responseBegins(plan)
        plans.append(plan)
        log.append("\(status) \(plan.keepsAlive ? "keep" : "close")")
    }

    mutating func answers(status: Int = 200, closes: Bool = false) {
        begins(status: status, closes: closes)
        finishes()
    }

    mutating func finishes() {
        state.responseFinished()
        pump()
    }

    private mutating func pump() {
        while !isClosed {
            let step = unread.withUnsafeBytes { state.advance($0) }
            let view = unread
            unread.removeFirst(step.consumed)
            switch step.action {
            case .readMore, .pause: return
            case .head(let request): handle(request)
            case .body(let range):
                body += view[range]
                if handling == .readsBody { state.bodyDemanded() }
            case .bodyEnd: endBody("body \(String(decoding: body, as: UTF8.self))")
            case .bodyFailed(let error): endBody("failed \(error)")
            case .sendContinue: log.append("continue")
            case .refuse(let refusal):
                log.append("refuse \(refusal.status)")
                begins(status: refusal.status)
                state.responseFinished()
            case .halfClose: log.append("half-close")
            case .close:
                log.append("end")
                isClosed = true
            }
        }
    }

    private mutating func handle(_ request: ParsedRequest) {
        log.append("\(request.head.method) \(request.head.path)")
        body = []
        switch handling {
        case .readsBody where request.framing != .none: state.bodyDemanded()
        case .readsBody, .answersAtOnce:
            begins()
            state.responseFinished()
        case .waits: break
        }
    }

    private mutating func endBody(_ entry: String) {
        log.append(entry)
        if handling == .readsBody {
            begins()
            state.responseFinished()
        }
    }
}

extension [UInt8] {
    /// Every way to cut these bytes in two, and byte by byte.
    var splits: [[[UInt8]]] {
        let pairs = indices.dropFirst().map { [Array(self[..<$0]), Array(self[$0...])] }
        return pairs + [map { [$0] }]
    }
}
