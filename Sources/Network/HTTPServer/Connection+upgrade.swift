internal import HTTP
internal import Reactor

extension Connection {
    /// After a 101: the connection is a WebSocket's from here on, and the returned closure runs its handler.
    func begin(_ upgrade: WebSocketUpgrade, for exchange: Exchange) -> Writing {
        let session = WebSocketSession(upgrade, connection: self, exchange: exchange)
        exchange.webSocket = session
        session.begin()
        flush()
        if server.isDraining { session.drain() }
        drive()
        return { _ in await session.run(upgrade.handler) }
    }

    /// One turn of a WebSocket in place of the HTTP state's.
    func step(_ session: WebSocketSession) -> Outcome {
        guard session.wantsBytes else { return .wait }
        guard !input.isEmpty else {
            guard !hasReadEnd else {
                session.peerVanished()
                return .again
            }
            return .needBytes
        }
        let step = input.withBytes { session.advance($0) }
        input.drop(step.consumed)
        session.carryOut(step.action)
        return .again
    }

    /// Sends what is queued once the work that is queued on the loop is done: many small messages in one call.
    func flushSoon() {
        guard !isBlocked, !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.later { [self] in
            isFlushScheduled = false
            flush()
        }
    }
}
