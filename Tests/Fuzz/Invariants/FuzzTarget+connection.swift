internal import HTTP

extension FuzzTarget {
    /// However the bytes are cut, the same requests are seen and the same answers given; no request that is let through
    /// could be read in two ways.
    static func connectionFault(_ bytes: [UInt8], _ limits: MessageLimits, _ cuts: inout Cuts) -> String? {
        let whole = FuzzServer.run([bytes], limits)
        let cut = FuzzServer.run(cuts.pieces(of: bytes), limits)
        // Chunks that nobody reads are refused if they are seen to be malformed in time, and else skipped to the fault.
        let isRefusedEarlier =
            cut.hasLeftChunks && whole.log.last == "400 false" && cut.log.starts(with: whole.log.dropLast())
        if whole.log != cut.log, !isRefusedEarlier {
            return "the cut changes the outcome: \(whole.log) and \(cut.log)"
        }
        return whole.fault ?? cut.fault
    }

    /// What the connection makes of an input in one piece: requests with their bodies, and statuses with "keeps alive".
    public static func connectionLog(of input: [UInt8]) -> [String] {
        FuzzServer.run([Array(input.dropFirst(2))], limits(of: input)).log
    }

    /// A quarter of the inputs meets the product's bounds, the others such as short inputs can reach.
    static func limits(of input: [UInt8]) -> MessageLimits {
        var limits = MessageLimits()
        guard let first = input.first, first % 4 != 0 else { return limits }
        limits.requestLineBytesMax = 64
        limits.headerBytesMax = 256
        limits.headerFieldsMax = 6
        limits.queryItemsMax = 4
        limits.methodBytesMax = 16
        limits.bodyBytesMax = 512
        limits.chunkExtensionBytesMax = 32
        limits.trailerBytesMax = 64
        limits.trailerFieldsMax = 2
        limits.unreadBodySkipBytesMax = 64
        limits.lingerBytesMax = 128
        return limits
    }
}

/// A server that reads every body, but for those sent to `/unread`, and answers 200, around a `ConnectionState`.
private struct FuzzServer {
    private let limits: MessageLimits
    private var state: ConnectionState
    private var unread: [UInt8] = []
    private var request: ParsedRequest?
    private var body: [UInt8] = []
    private var isClosed = false
    private var hasRefused = false
    private(set) var hasLeftChunks = false
    private(set) var log: [String] = []
    private(set) var fault: String?

    private init(_ limits: MessageLimits) {
        self.limits = limits
        state = ConnectionState(limits: limits)
    }

    static func run(_ pieces: [[UInt8]], _ limits: MessageLimits) -> FuzzServer {
        var server = FuzzServer(limits)
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
        let isUnread = parsed.head.path == "/unread"
        if isUnread, parsed.framing == .chunked { hasLeftChunks = true }
        if isUnread || parsed.framing == .none { answer("") } else { state.bodyDemanded() }
    }

    private mutating func answer(_ content: String) {
        guard let head = request?.head else { return fault = "an answer without a request" }
        if body.count > limits.bodyBytesMax { fault = "a body of \(body.count) bytes" }
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
        checkBounds(parsed)
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

    private mutating func checkBounds(_ parsed: ParsedRequest) {
        let head = parsed.head
        if "\(head.method) \(head.target) HTTP/1.1".utf8.count > limits.requestLineBytesMax { fault = "a long line" }
        if head.method.utf8.count > limits.methodBytesMax { fault = "a long method" }
        if head.query.count > limits.queryItemsMax { fault = "\(head.query.count) pairs" }
        // The Host of an absolute target may come to those that were sent.
        let added = head.target.utf8.first == UInt8(ascii: "/") ? 0 : 1
        if head.fields.count > limits.headerFieldsMax + added { fault = "\(head.fields.count) fields" }
        if case .length(let length) = parsed.framing, length > limits.bodyBytesMax { fault = "a length of \(length)" }
    }
}
