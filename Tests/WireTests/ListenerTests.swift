import Reactor
import Support
import Testing

@Suite struct ListenerTests {
    @Test func `a flood of connections cannot keep a listener from stopping`() async throws {
        var limits = ListenerLimits()
        limits.backlog = 4
        let listener = try Listener(try #require(SocketAddress(host: "127.0.0.1", port: 0)), limits: limits)
        let loop = try EventLoop(name: "test-loop")
        defer { loop.stop() }
        let accepted = try await withCheckedThrowingContinuation { (done: CheckedContinuation<Int, any Error>) in
            loop.execute {
                do {
                    let flood = Flood(port: listener.address.port)
                    try listener.start(on: loop, accept: { _, _ in flood.accepted() }, shed: { _, _ in })
                    flood.connect()
                    listener.stop()
                    done.resume(returning: flood.acceptedCount)
                } catch {
                    done.resume(throwing: error)
                }
            }
        }
        #expect((1...Int(limits.backlog) + 1).contains(accepted))
    }
}

/// A client who connects again as soon as it has been accepted. Touched on one loop's thread only.
private final class Flood {
    private static let connectionsMax = 100
    private let port: UInt16
    private var clients: [WireClient] = []
    private(set) var acceptedCount = 0

    init(port: UInt16) { self.port = port }

    func accepted() {
        acceptedCount += 1
        connect()
    }

    func connect() {
        guard clients.count < Self.connectionsMax, let client = try? WireClient(port) else { return }
        clients.append(client)
    }
}
