import Core
import HTTP
import Studio
import Synchronization
import Testing

@testable import API

/// A WebSocket's client in memory: the test says what it sends and sees what it gets, in order.
final class ChannelDouble: WebSocketChannel {
    private struct State {
        var inbox: [WebSocketMessage] = []
        var hasLeft = false
        var receiver: CheckedContinuation<WebSocketMessage?, Never>?
        var outbox: [String] = []
        var reader: CheckedContinuation<String, Never>?
        var closeCode: WebSocketCloseCode?
    }
    private let state = Mutex(State())

    var closeCode: WebSocketCloseCode? { state.withLock { $0.closeCode } }

    // MARK: The server's side

    func receive() async throws(WebSocketEnd) -> WebSocketMessage? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                state.withLock { state in
                    if !state.inbox.isEmpty { return waiter.resume(returning: state.inbox.removeFirst()) }
                    if state.hasLeft { return waiter.resume(returning: nil) }
                    state.receiver = waiter
                }
            }
        } onCancel: {
            leave()
        }
    }

    func send(_ message: WebSocketMessage) async throws(WebSocketEnd) {
        let text = message.text ?? "binary"
        state.withLock { state in
            guard let reader = state.reader else { return state.outbox.append(text) }
            state.reader = nil
            reader.resume(returning: text)
        }
    }

    func close(_ code: WebSocketCloseCode, reason: String) async {
        state.withLock { $0.closeCode = $0.closeCode ?? code }
        leave()
    }

    // MARK: The client's side

    func say(_ text: String) { say(WebSocketMessage(text: text)) }

    func say(_ message: WebSocketMessage) {
        state.withLock { state in
            guard let receiver = state.receiver else { return state.inbox.append(message) }
            state.receiver = nil
            receiver.resume(returning: message)
        }
    }

    func leave() {
        state.withLock { state in
            state.hasLeft = true
            state.receiver?.resume(returning: nil)
            state.receiver = nil
        }
    }

    /// The next message that was sent to the client; waits for it.
    func hear() async -> JSON {
        let text = await withCheckedContinuation { reader in
            state.withLock { state in
                if state.outbox.isEmpty {
                    state.reader = reader
                } else {
                    reader.resume(returning: state.outbox.removeFirst())
                }
            }
        }
        return (try? JSONParser.parse(Array(text.utf8))) ?? .null
    }

    /// What was sent and not heard yet.
    var unheard: [String] { state.withLock { $0.outbox } }
}

extension Answer {
    /// The handler of a 101.
    static func upgrade(_ response: Response) throws -> WebSocketUpgrade {
        guard case .webSocket(let upgrade) = response.body else {
            throw Unexpected(status: response.status)
        }
        return upgrade
    }

    struct Unexpected: Error {
        var status: Int
    }
}
