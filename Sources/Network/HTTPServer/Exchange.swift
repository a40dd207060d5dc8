internal import HTTP

/// One request and its response: what the connection knows of the handler that answers it.
final class Exchange: @unchecked Sendable {
    // SAFETY: touched only on the connection's loop.

    /// The handler's task, while it works on this. Cancelled when the peer has gone.
    var handler: HandlerTask?
    /// The handler's `next()`, while it waits.
    var bodyWaiter: Waiter<Result<[UInt8]?, BodyError>>?
    /// The handler's `write`, while it waits for room.
    var writeWaiter: Waiter<Result<Void, WriteError>>?
    /// No more content comes: every later `next()` gets this at once.
    var bodyEnd: Result<[UInt8]?, BodyError>?
    /// How the response that has begun is framed.
    var plan: ResponsePlan?
    /// Content still owed of a response of known length.
    var owedBytes: Int?
    /// The handler has handed over everything; what is left waits in the output queue.
    var isComplete = false
    /// What the handler answered cannot be sent; the server answers for it.
    var isInvalid = false
    /// What the connection has become after a 101.
    var webSocket: WebSocketSession?
    /// No more is written for it: the connection failed or went on.
    var writeEnd: WriteError?

    init(hasBody: Bool) { bodyEnd = hasBody ? nil : .success(nil) }

    /// Makes an exchange that has ended a new one.
    func begin(hasBody: Bool) {
        bodyEnd = hasBody ? nil : .success(nil)
        plan = nil
        owedBytes = nil
        isComplete = false
        isInvalid = false
        writeEnd = nil
    }

    func deliver(_ piece: Result<[UInt8]?, BodyError>) {
        if case .success(.some) = piece {
            // Nobody waits any more: the handler was cancelled and its stream is torn.
            if bodyWaiter == nil { bodyEnd = .failure(.disconnected) }
        } else {
            bodyEnd = bodyEnd ?? piece
        }
        bodyWaiter?.continuation.resume(returning: piece)
        bodyWaiter = nil
    }

    func endWriting(_ error: WriteError) {
        writeEnd = writeEnd ?? error
        writeWaiter?.continuation.resume(returning: .failure(error))
        writeWaiter = nil
        webSocket?.connectionEnded()
        // It holds this exchange: one of the two has to let go.
        webSocket = nil
    }

    func roomIsFree() {
        writeWaiter?.continuation.resume(returning: .success(()))
        writeWaiter = nil
        webSocket?.roomIsFree()
    }
}

/// A continuation behind a pointer: an optional one costs a look into the runtime's metadata whenever it is touched,
/// and most exchanges have none.
final class Waiter<Value: Sendable> {
    let continuation: CheckedContinuation<Value, Never>

    init(_ continuation: CheckedContinuation<Value, Never>) { self.continuation = continuation }
}
