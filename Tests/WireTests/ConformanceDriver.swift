import Core
import HTTP

/// The server without sockets: a `ConnectionState` and the table's app.
struct ConformanceDriver {
    private var state = ConnectionState()
    private var unread: [UInt8] = []
    private var head: RequestHead?
    private var body: [UInt8] = []
    /// Status and connection of each answer, and the end.
    private(set) var log: [String] = []
    private(set) var isClosed = false

    /// What comes of `pieces`, then of the peer's end.
    static func outcome(_ pieces: [[UInt8]]) -> [String] {
        var driver = ConformanceDriver()
        for piece in pieces { driver.receive(piece) }
        driver.log.append(driver.isClosed ? "closed" : "open")
        driver.state.peerClosed()
        driver.pump()
        driver.log.append(driver.isClosed ? "gone" : "stuck")
        return driver.log
    }

    private mutating func receive(_ bytes: [UInt8]) {
        unread += bytes
        pump()
    }

    private mutating func pump() {
        while !isClosed {
            let step = unread.withUnsafeBytes { state.advance($0) }
            if case .body(let range) = step.action { body += unread[range] }
            unread.removeFirst(step.consumed)
            switch step.action {
            case .readMore, .pause: return
            case .sendContinue: continue
            case .head(let request): begin(request)
            case .body: state.bodyDemanded()
            case .bodyEnd: answer(.success(body))
            case .bodyFailed(let error): answer(.failure(error))
            case .refuse(let refusal): respond(Response(status: refusal.status))
            case .halfClose: return isClosed = true
            case .close: isClosed = true
            }
        }
    }

    private mutating func begin(_ request: ParsedRequest) {
        head = request.head
        body = []
        guard request.framing != .none, ConformanceApp.readsBody(request.head) else { return answer(.success([])) }
        state.bodyDemanded()
    }

    private mutating func answer(_ body: Result<[UInt8], BodyError>) {
        guard let head else { preconditionFailure("an answer without a request") }
        respond(ConformanceApp.answer(head, body))
    }

    private mutating func respond(_ response: Response) {
        let length: Int? =
            switch response.body {
            case .empty: 0
            case .bytes(let bytes): bytes.count
            case .file(_, _, let length): length
            case .stream(let length, _): length
            case .webSocket: preconditionFailure("the application of these tests upgrades nothing")
            }
        let plan = state.plan(status: response.status, length: length, closes: response.closesConnection)
        state.responseBegins(plan)
        log.append("\(response.status) \(plan.keepsAlive ? "keep" : "close")")
        state.responseFinished()
    }
}
