internal import Core
internal import HTTP
internal import Reactor
internal import Telemetry

extension Connection {
    // MARK: Requests

    /// Answers a request, at once or by a task on this loop.
    func begin(_ parsed: ParsedRequest) {
        let exchange = server.exchangeBegan(hasBody: parsed.framing != .none)
        self.exchange = exchange
        if let refusal { return refuse(refusal) }
        if transport.isUnprotected { return refuse(Refusal(.badRequest, "This port speaks HTTPS")) }
        let answer = server.context.answer(
            Request(
                head: parsed.head, body: body(of: exchange, parsed.framing), remoteAddress: peerHost,
                remoteSubscriber: peerSubscriber, isSecure: transport.isSecure))
        switch consume answer {
        case .now(let response):
            if response.body.isWhole {
                _ = begin(response, for: exchange)
                if self.exchange !== exchange { server.exchangeEnded(consume exchange) }
            } else {
                run({ response }, exchange)
            }
        case .later(let respond): run(respond, exchange)
        }
    }

    private func run(_ respond: @escaping @Sendable () async -> Response, _ exchange: Exchange) {
        let handler = server.handlerBegan()
        exchange.handler = handler
        handler.run(respond, self, exchange)
    }

    private func body(of exchange: Exchange, _ framing: BodyFraming) -> RequestBody {
        let declaredLength: Int?
        switch framing {
        case .none: return .none
        case .length(let length): declaredLength = length
        case .chunked: declaredLength = nil
        }
        return RequestBody(declaredLength: declaredLength) { [self] () async throws(BodyError) in
            try await nextPiece(of: exchange).get()
        }
    }

    private func nextPiece(of exchange: Exchange) async -> Result<[UInt8]?, BodyError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                loop.execute { [self] in demand(waiter, exchange) }
            }
        } onCancel: {
            // Also for a wait that has not begun yet: who cancels a read gives the body up.
            loop.execute { exchange.deliver(.failure(.disconnected)) }
        }
    }

    private func demand(_ waiter: CheckedContinuation<Result<[UInt8]?, BodyError>, Never>, _ exchange: Exchange) {
        if let end = exchange.bodyEnd { return waiter.resume(returning: end) }
        guard exchange === self.exchange else { return waiter.resume(returning: .failure(.disconnected)) }
        precondition(exchange.bodyWaiter == nil, "two tasks read one request body")
        exchange.bodyWaiter = Waiter(waiter)
        state.bodyDemanded()
        drive()
    }

    /// Answers for the server itself.
    func refuse(_ refusal: Refusal) {
        let exchange = self.exchange ?? Exchange(hasBody: false)
        self.exchange = exchange
        var response = server.context.configuration.problem(refusal, transport.isSecure)
        response.closesConnection = true
        if refusal.status == 503 && response.fields["Retry-After"] == nil {
            response.fields["Retry-After"] = String(limits.retryAfterSeconds)
        }
        // There is no task to run a stream in: `ServerConfiguration.problem` answers whole.
        if begin(response, for: exchange) != nil { abort() }
    }

    // MARK: Responses

    typealias Writing = @Sendable (any ResponseWriter) async throws -> Void

    /// Runs the stream of a response that has begun.
    func stream(_ write: Writing, for exchange: Exchange) async {
        do {
            try await write(StreamWriter(connection: self, exchange: exchange))
            endStream(of: exchange)
        } catch {
            abandon(exchange, cause: error)
        }
    }

    /// Puts head and body into the queue; a streamed body is returned, for the caller to run.
    func begin(_ response: Response, for exchange: Exchange) -> Writing? {
        loop.assertOnLoop()
        guard exchange === self.exchange, exchange.plan == nil else { return nil }
        var head = server.takeBuffer()
        guard appendHead(of: response, for: exchange, to: &head) else {
            guard !exchange.isInvalid else {
                abort()
                return nil
            }
            exchange.isInvalid = true
            let refusal = Refusal(.internalError, "The response is invalid")
            return begin(server.context.configuration.problem(refusal, transport.isSecure), for: exchange)
        }
        server.context.metrics.countResponse(status: response.status)
        let sendsBody = exchange.plan?.sendsBody == true
        if sendsBody, case .bytes(let bytes) = response.body, bytes.count <= OutputQueue.coalescedBytesMax {
            head.append(bytes)
            send(head)
            server.giveBack(head)
            exchange.isComplete = true
            if output.isEmpty, !isClosed { outputDrained() } else { flush() }
            return nil
        }
        output.append(head.array())
        server.giveBack(head)
        if case .webSocket(let upgrade) = response.body { return begin(upgrade, for: exchange) }
        guard sendsBody else {
            complete(exchange)
            return nil
        }
        switch response.body {
        case .empty: break
        case .bytes(let bytes): output.append(bytes)
        case .file(let file, let offset, let length): output.append(file: file, offset: offset, length: length)
        case .stream(let length, let write):
            exchange.owedBytes = length
            flush()
            return write
        case .webSocket: break
        }
        complete(exchange)
        return nil
    }

    /// False if the head cannot be sent; nothing has happened then.
    private func appendHead(of response: Response, for exchange: Exchange, to head: inout ByteBuffer) -> Bool {
        let plan = state.plan(
            status: response.status, length: response.body.length, closes: response.closesConnection)
        do throws(SerializationError) {
            guard response.body.isUpgrade == (response.status == 101) else { throw .invalidStatus(response.status) }
            try ResponseSerializer.appendHead(
                status: response.status, fields: response.fields, requestID: response.requestID, plan: plan,
                standing: server.standingLines(), to: &head)
        } catch {
            server.context.log.error("invalid response head", ["cause": "\(error)"])
            return false
        }
        state.responseBegins(plan)
        exchange.plan = plan
        return true
    }

    func complete(_ exchange: Exchange) {
        exchange.isComplete = true
        flush()
    }

    private func endStream(of exchange: Exchange) {
        guard exchange === self.exchange else { return }
        if let owed = exchange.owedBytes, owed > 0 {
            return abandon(exchange, cause: StreamLengthError.tooShort(missingBytes: owed))
        }
        if exchange.plan?.framing == .chunked { output.append(ResponseSerializer.lastChunk) }
        complete(exchange)
    }

    /// A response that has begun cannot be taken back: the peer learns by its missing end.
    private func abandon(_ exchange: Exchange, cause: any Error) {
        guard exchange === self.exchange else { return }
        if !(cause is WriteError) && !(cause is CancellationError) {
            server.context.log.error("a streamed response ended unfinished", ["cause": "\(cause)"])
        }
        // Where the end of the connection is the end of the content, only a reset tells them apart.
        if exchange.plan?.framing == .untilClose { return abort() }
        state.responseAborted()
        drive()
    }

    /// Everything queued has been sent.
    func outputDrained() {
        guard let exchange, exchange.isComplete else { return }
        self.exchange = nil
        exchange.deliver(.failure(.disconnected))
        exchange.endWriting(.disconnected)
        state.responseFinished()
        drive()
    }
}

/// A streamed body that is not as long as it was said to be.
enum StreamLengthError: Error {
    case tooShort(missingBytes: Int)
    case tooLong
}

extension ResponseBody {
    /// `nil` if it is not known before the body is written.
    fileprivate var length: Int? {
        switch self {
        case .empty: 0
        case .bytes(let bytes): bytes.count
        case .file(_, _, let length): length
        case .stream(let length, _): length
        case .webSocket: nil
        }
    }

    /// Needs no task to be written.
    fileprivate var isWhole: Bool {
        switch self {
        case .empty, .bytes, .file: true
        case .stream, .webSocket: false
        }
    }

    fileprivate var isUpgrade: Bool { if case .webSocket = self { true } else { false } }
}
