internal import HTTP
internal import Reactor

/// A task on a loop that answers one request after the other: waking one costs half of making one for each request.
final class HandlerTask: @unchecked Sendable {
    // SAFETY: touched only on its loop's thread.

    private struct Call {
        let respond: @Sendable () async -> Response
        let connection: Connection
        let exchange: Exchange
    }

    private let server: ServerLoop
    private var task: Task<Void, Never>?
    private var call: Call?
    private var waiter: UnsafeContinuation<Void, Never>?

    init(_ server: ServerLoop) { self.server = server }

    /// To be called once, or when the server has the task back as idle.
    func run(
        _ respond: @escaping @Sendable () async -> Response, _ connection: Connection, _ exchange: Exchange
    ) {
        call = Call(respond: respond, connection: connection, exchange: exchange)
        if task == nil {
            // Detached: it outlives whoever happens to be the first to need it, and must not speak with its authority.
            task = Task.detached(executorPreference: server.loop) { [self] in await run() }
        } else {
            wake()
        }
    }

    /// Lets an idle task go.
    func end() { wake() }

    /// Cancels what is under way; a cancelled task answers nothing else.
    func cancel() { task?.cancel() }

    private func wake() {
        // SAFETY: taken out before it is resumed, so it is resumed once; an idle task always has one.
        let waiter = waiter
        self.waiter = nil
        waiter?.resume()
    }

    private func run() async {
        while true {
            await answerCall()
            // Also where its handler's own deadline cancelled it: a cancelled task stays so.
            guard !Task.isCancelled, server.keepsIdleHandler else { break }
            await withUnsafeContinuation { waiter in
                self.waiter = waiter
                server.handlerIsIdle(self)
            }
            guard call != nil else { break }
        }
        task = nil
    }

    /// A function of its own: what it holds of the connection ends with it.
    private func answerCall() async {
        guard let call = call.take() else { return }
        let response = await call.respond()
        if let write = call.connection.begin(response, for: call.exchange) {
            await call.connection.stream(write, for: call.exchange)
        }
        call.exchange.handler = nil
        server.handlerEnded()
    }
}
