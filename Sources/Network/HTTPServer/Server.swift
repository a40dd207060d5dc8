public import HTTP
public import Reactor
internal import Synchronization
public import Telemetry

/// An HTTP/1.1 server: one event loop for each processor, each with its own listener on the shared port.
///
/// `answer` is called once for each request, on the loop of its connection. What it leaves for later runs as a task on
/// that loop, which is cancelled when the peer goes away. Nothing in either may block. Refusals of the server's own go
/// through `configuration.problem`.
public final class Server: Sendable {
    public typealias Answering = @Sendable (consuming Request) -> Answer
    public typealias Respond = @Sendable (Request) async -> Response

    private let context: ServerContext
    private let lentLoops: [EventLoop]?
    private let workers = Mutex<[ServerLoop]>([])

    /// - Parameter loops: serves on these, which the caller shares with others and stops; without them on
    ///   `configuration.loops` of its own, which end with the service.
    public init(
        configuration: ServerConfiguration, loops: [EventLoop]? = nil, log: Logger, metrics: Metrics,
        answer: @escaping Answering
    ) {
        precondition(loops?.isEmpty != true, "a server on no loop")
        lentLoops = loops
        context = ServerContext(configuration: configuration, log: log, metrics: metrics, answer: answer)
    }

    /// A server that answers every request by a task.
    public convenience init(
        configuration: ServerConfiguration, log: Logger, metrics: Metrics, respond: @escaping Respond
    ) {
        self.init(configuration: configuration, log: log, metrics: metrics) { request in
            .later { await respond(request) }
        }
    }

    /// Listens and serves; returns the port, which the kernel chose if 0 was configured. To be called once.
    /// - Throws: `ServerError`; nothing runs then.
    public func start() throws(ServerError) -> UInt16 {
        let configuration = context.configuration
        guard var address = SocketAddress(host: configuration.host, port: configuration.port) else {
            throw .invalidHost(configuration.host)
        }
        var listeners: [Listener] = []
        do throws(SystemCallError) {
            try Listener.checkFree(address)
            for _ in 0..<(lentLoops?.count ?? max(1, configuration.loops)) {
                let listener = try Listener(address, limits: configuration.listener)
                address = listener.address
                listeners.append(listener)
            }
        } catch {
            throw .cannotListen(address: address.description, error)
        }
        let started = try startLoops(for: listeners)
        workers.withLock { $0 = started }
        context.log.info("listening", ["address": address, "loops": started.count])
        return address.port
    }

    /// Ends the service in order: no new connections, idle ones are closed, requests under way get their answer with
    /// `Connection: close` for `drainSeconds`; then what is left is cut off. Returns when all is over.
    public func drain() async {
        let draining = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        await withTaskGroup(of: Void.self) { group in
            for worker in draining { group.addTask { await self.drain(worker) } }
        }
    }

    private func drain(_ worker: ServerLoop) async {
        let isEmpty = await worker.drain()
        // A handler that ignores its cancellation keeps its loop: work for a stopped loop would never run.
        if isEmpty && lentLoops == nil { worker.loop.stop() }
    }

    /// Certificates for connections accepted from now on; those that are open keep theirs.
    /// - Precondition: the server was configured with TLS: a port does not change what it speaks.
    public func replace(tls: TLSContext) {
        precondition(context.configuration.tls != nil, "certificates for a server without TLS")
        context.tls = tls
    }

    private func startLoops(for listeners: [Listener]) throws(ServerError) -> [ServerLoop] {
        let loops: [EventLoop]
        if let lentLoops { loops = lentLoops } else { loops = try Self.makeLoops(listeners.count) }
        let started = zip(loops, listeners).map { ServerLoop(loop: $0, listener: $1, context: context) }
        for worker in started { worker.start() }
        return started
    }

    private static func makeLoops(_ count: Int) throws(ServerError) -> [EventLoop] {
        var loops: [EventLoop] = []
        do throws(SystemCallError) {
            for index in 0..<count { loops.append(try EventLoop(name: "loop-\(index)")) }
        } catch {
            for loop in loops { loop.stop() }
            throw .cannotStartLoop(error)
        }
        return loops
    }
}
