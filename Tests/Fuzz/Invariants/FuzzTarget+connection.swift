internal import HTTP

extension FuzzTarget {
    /// However the bytes are cut, the same requests are seen and the same answers given; no request that is let through
    /// could be read in two ways.
    static func connectionFault(_ bytes: [UInt8], _ cuts: inout Cuts) -> String? {
        let whole = FuzzServer.run([bytes])
        let cut = FuzzServer.run(cuts.pieces(of: bytes))
        if whole.log != cut.log { return "the cut changes the outcome: \(whole.log) and \(cut.log)" }
        return whole.fault ?? cut.fault
    }
}

/// A server that reads every body and answers 200, around a `ConnectionState`.
private struct FuzzServer {
    private var state = ConnectionState()
    private var unread: [UInt8] = []
    private var request: ParsedRequest?
    private var body: [UInt8] = []
    private var isClosed = false
    private var hasRefused = false
    private(set) var log: [String] = []
    private(set) var fault: String?

    static func run(_ pieces: [[UInt8]]) -> FuzzServer {
        var server = FuzzServer()
        for piece in pieces where !server.isClosed {
            server.unread += piece
            server.pump()
        }
        server.state.peerClosed()
        server.pump()
        if !server.isClosed { server.fault = server.fault ?? "the end of the peer does not end the connection" }
        return server
    }

    private mutating func pump() {
        var steps = 0
        let stepsMax = 4 * unread.count + 16
        while !isClosed {
            steps += 1
            guard steps <= stepsMax else { return fault = "no progress" }
            let step = unread.withUnsafeBytes { state.advance($0) }
            guard (0...unread.count).contains(step.consumed) else { return fault = "more taken than there is" }
            if case .body(let range) = step.action { body += unread[range] }
            unread.removeFirst(step.consumed)
            switch step.action {
            case .readMore, .pause: return
            case .sendContinue: continue
            case .head(let parsed): begin(parsed)
            case .body: state.bodyDemanded()
            case .bodyEnd: answer("\(body)")
            case .bodyFailed(.malformedChunk): respond(400)
            case .bodyFailed(let error): answer("\(error)")
            case .refuse(let refusal): respond(refusal.status)
            case .halfClose: hasRefused = true
            case .close: isClosed = true
            }
        }
    }

    private mutating func begin(_ parsed: ParsedRequest) {
        if hasRefused { fault = "a request after the end" }
        request = parsed
        body = []
        check(parsed)
        if parsed.framing == .none { answer("") } else { state.bodyDemanded() }
    }

    private mutating func answer(_ content: String) {
        guard let head = request?.head else { return fault = "an answer without a request" }
        log.append("\(head.method) \(head.target) \(head.fields.all.map { "\($0.name):\($0.value)" }) \(content)")
        respond(200)
    }

    private mutating func respond(_ status: Int) {
        let plan = state.plan(status: status, length: 2)
        state.responseBegins(plan)
        log.append("\(status) \(plan.keepsAlive)")
        if status >= 400 && plan.keepsAlive { fault = "a refused connection goes on" }
        state.responseFinished()
    }

    private mutating func check(_ parsed: ParsedRequest) {
        let head = parsed.head
        let segments = head.path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if head.path != "*", head.path.utf8.first != UInt8(ascii: "/") { fault = "a path without its slash" }
        if segments.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }) {
            fault = "dot segments are left"
        }
        if head.path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) {
            fault = "a control character or a backslash in the path"
        }
        for field in head.fields.all {
            if field.value.utf8.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D }) {
                fault = "a line end in a value"
            }
        }
        let hosts = head.fields.values("Host").count
        if hosts > 1 || (hosts == 0 && head.minorVersion > 0) { fault = "\(hosts) Hosts" }
        let lengths = head.fields.values("Content-Length").count
        let codings = head.fields.values("Transfer-Encoding").count
        if lengths + codings > 1 { fault = "two framings" }
        if (parsed.framing == .chunked) != (codings == 1) { fault = "a coding that does not frame" }
    }
}
