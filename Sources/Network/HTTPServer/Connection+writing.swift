internal import Core
internal import HTTP
internal import Reactor
internal import Telemetry

extension Connection {
    /// Sends `bytes` after what is queued. Where nothing is, they go to the socket: most answers are never queued.
    func send(_ bytes: borrowing ByteBuffer) {
        guard !isClosed else { return }
        var sent = 0
        if output.isEmpty, !isBlocked, !isFlushScheduled {
            do throws(SystemCallError) {
                let transfer = try bytes.withBytes { bytes throws(SystemCallError) in try transport.write(bytes) }
                if case .bytes(let count) = transfer { sent = count }
            } catch {
                return close()
            }
            server.context.metrics.sent.increment(by: sent)
        }
        if sent < bytes.count { output.append(bytes.array(from: sent)) }
    }

    /// Sends what is queued, as far as the socket takes it.
    func flush() {
        guard !isClosed, !isBlocked, !isFlushScheduled else { return }
        do throws(SystemCallError) {
            let (progress, sent) = try output.send(
                to: &transport, sliceMax: limits.fileSliceBytesMax, turnMax: limits.sendBytesPerTurnMax)
            server.context.metrics.sent.increment(by: sent)
            switch progress {
            case .empty:
                deadlines.write = nil
                deadlines.readerLag = PeerLag()
            case .blocked:
                isBlocked = true
                if sent > 0 || deadlines.write == nil, !readerKeepsUp() { return writeStalled() }
                armTimer()
            case .yielded:
                isFlushScheduled = true
                loop.later { [self] in
                    isFlushScheduled = false
                    flush()
                }
            case .fileTruncated:
                server.context.log.error("a file became shorter while it was sent", [:])
                return abort()
            }
        } catch {
            return close()
        }
        if output.byteCount <= limits.writeQueueBytesMax / 2 { exchange?.roomIsFree() }
        if output.isEmpty { outputDrained() }
    }

    /// Sees how much the peer has taken since the last look, while bytes wait to be sent. By what it has acknowledged:
    /// the socket has room again only once a third of its buffer is free, for which an honest slow reader may need
    /// longer than a stall may last.
    func readerKeepsUp() -> Bool {
        let taken = transport.acknowledgedByteCount
        defer { takenByteCount = taken }
        guard let deadline = deadlines.write else {
            deadlines.write = loop.now + nanoseconds(limits.writeStallSeconds)
            deadlines.readerLag.waitBegins(at: loop.now)
            return true
        }
        let count = taken - takenByteCount
        guard count > 0 else { return loop.now < deadline }
        deadlines.write = loop.now + nanoseconds(limits.writeStallSeconds)
        deadlines.readerLag.moved(count, at: loop.now, bytesPerSecondMin: limits.sendBytesPerSecondMin)
        return deadlines.readerLag.seconds <= limits.sendRateGraceSeconds
    }

    /// The peer takes nothing, or too little: what is queued is thrown away, and with it the connection.
    func writeStalled() {
        server.context.metrics.timeouts.increment()
        exchange?.endWriting(.timeout)
        abort()
    }

    /// One piece of a streamed body; waits while the queue is full.
    fileprivate func write(
        _ bytes: [UInt8], for exchange: Exchange, _ waiter: CheckedContinuation<Result<Void, WriteError>, Never>
    ) {
        if let error = exchange.writeEnd { return waiter.resume(returning: .failure(error)) }
        guard exchange === self.exchange, !exchange.isComplete else {
            return waiter.resume(returning: .failure(.disconnected))
        }
        precondition(exchange.writeWaiter == nil, "two tasks write one response body")
        if let owed = exchange.owedBytes {
            guard bytes.count <= owed else {
                server.context.log.error("a streamed response is longer than it was said to be", [:])
                waiter.resume(returning: .failure(.disconnected))
                return abort()
            }
            exchange.owedBytes = owed - bytes.count
        }
        appendPiece(bytes, isChunked: exchange.plan?.framing == .chunked)
        exchange.writeWaiter = Waiter(waiter)
        flush()
        if output.byteCount <= limits.writeQueueBytesMax { exchange.roomIsFree() }
    }

    private func appendPiece(_ bytes: [UInt8], isChunked: Bool) {
        guard isChunked else { return output.append(bytes) }
        var head: [UInt8] = []
        ResponseSerializer.appendChunkHead(bytes.count, to: &head)
        output.append(head)
        output.append(bytes)
        output.append(ResponseSerializer.chunkEnd)
    }
}

/// What a streaming handler writes to.
struct StreamWriter: ResponseWriter {
    let connection: Connection
    let exchange: Exchange

    func write(_ bytes: [UInt8]) async throws(WriteError) {
        // An empty chunk would end the body.
        guard !bytes.isEmpty else { return }
        let result = await withCheckedContinuation { waiter in
            connection.loop.execute { connection.write(bytes, for: exchange, waiter) }
        }
        try result.get()
    }
}
