internal import CLinux
internal import Glibc

/// How a listener takes connections.
public struct ListenerLimits: Sendable {
    /// Connections that the kernel completes and holds until they are accepted.
    public var backlog: Int32 = 1024
    /// Connections taken in one turn of the loop.
    public var acceptsPerTurnMax = 64
    /// The pause after the process or the system has run out of descriptors.
    public var exhaustionPauseSeconds = 0.1

    public init() {}
}

/// A listening socket on one loop. Several on one port share it through SO_REUSEPORT.
public final class Listener: EventSource, @unchecked Sendable {
    // SAFETY: made on one thread and handed to its loop once; from `start` on it is touched only there.
    public typealias Accept = (consuming Socket, SocketAddress) -> Void

    private let socket: Socket
    private let limits: ListenerLimits
    private var loop: EventLoop?
    private var registration: Registration?
    private var accept: Accept?
    private var shed: Accept?
    private var pause: TimerID?
    private var reserve: Int32

    /// The address with the port that the kernel chose if 0 was asked for.
    public let address: SocketAddress

    /// Binds and listens; connections wait in the kernel until `start`.
    public init(_ address: SocketAddress, limits: ListenerLimits = ListenerLimits()) throws(SystemCallError) {
        let kind = Int32(SOCK_STREAM.rawValue) | cadenza_sock_nonblock_cloexec
        let descriptor = Glibc.socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        let socket = Socket(owning: descriptor)
        try Self.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        try Self.set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)
        if address.family == AF_INET6 { try Self.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        guard address.withSockaddr({ bind(descriptor, $0, $1) }) == 0 else { throw SystemCallError("bind") }
        guard listen(descriptor, limits.backlog) == 0 else { throw SystemCallError("listen") }
        self.address = try Self.boundAddress(descriptor)
        self.limits = limits
        self.socket = socket
        reserve = Self.openReserve()
    }

    /// Throws if another process listens there already: SO_REUSEPORT alone would share the port with it unasked.
    public static func checkFree(_ address: SocketAddress) throws(SystemCallError) {
        guard address.port != 0 else { return }
        let descriptor = Glibc.socket(address.family, Int32(SOCK_STREAM.rawValue) | cadenza_sock_nonblock_cloexec, 0)
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        defer { close(descriptor) }
        try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if address.family == AF_INET6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        guard address.withSockaddr({ bind(descriptor, $0, $1) }) == 0 else { throw SystemCallError("bind") }
    }

    deinit { if reserve >= 0 { close(reserve) } }

    /// Accepts from now on. On the loop's thread.
    /// - Parameter shed: gets a connection that could be accepted only with the reserve descriptor: it is to be
    ///   closed at once.
    public func start(
        on loop: EventLoop, accept: @escaping Accept, shed: @escaping Accept
    ) throws(SystemCallError) {
        self.loop = loop
        self.accept = accept
        self.shed = shed
        registration = try loop.registerListener(socket, self)
    }

    /// Takes what the kernel has completed already, then accepts no more.
    public func stop() {
        // No more than can have been waiting: under a flood new ones would come for ever.
        for _ in 0...limits.backlog { guard takeOne() else { break } }
        if let registration { loop?.deregister(socket, registration) }
        if let pause { loop?.cancel(pause) }
        registration = nil
        accept = nil
        shed = nil
        // The port stops answering now, not when the last reference goes.
        shutdown(socket.descriptor, Int32(SHUT_RDWR))
    }

    public func ready(_ events: ReadyEvents) {
        for _ in 0..<limits.acceptsPerTurnMax {
            guard registration != nil, takeOne() else { return }
        }
    }

    /// False when no connection waits, or none can be taken now.
    private func takeOne() -> Bool {
        do throws(SystemCallError) {
            guard let (descriptor, peer) = try Self.acceptOne(socket.descriptor) else { return false }
            accept?(Socket(owning: descriptor), peer)
            return true
        } catch {
            switch error.code {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                handleExhaustion()
                return false
            default:
                // The connection died in the queue (accept(2) lists the errors it passes on); the next may live.
                return true
            }
        }
    }

    /// One waiting client is told through the reserve descriptor, the rest wait in the backlog: without the pause
    /// a level-triggered listener would spin.
    private func handleExhaustion() {
        if reserve >= 0 {
            close(reserve)
            reserve = -1
            if let (descriptor, peer) = try? Self.acceptOne(socket.descriptor) {
                shed?(Socket(owning: descriptor), peer)
            }
        }
        reserve = Self.openReserve()
        guard let loop, let registration else { return }
        loop.deregister(socket, registration)
        self.registration = nil
        pause = loop.after(seconds: limits.exhaustionPauseSeconds) { [weak self] in self?.resume() }
    }

    private func resume() {
        pause = nil
        if reserve < 0 { reserve = Self.openReserve() }
        guard let loop, accept != nil else { return }
        do throws(SystemCallError) {
            registration = try loop.registerListener(socket, self)
        } catch {
            pause = loop.after(seconds: limits.exhaustionPauseSeconds) { [weak self] in self?.resume() }
        }
    }

    private static func openReserve() -> Int32 { open("/dev/null", O_RDONLY | O_CLOEXEC) }

    private static func acceptOne(_ listener: Int32) throws(SystemCallError) -> (Int32, SocketAddress)? {
        var storage = sockaddr_storage()
        var length = UInt32(MemoryLayout<sockaddr_storage>.size)
        let descriptor = withUnsafeMutablePointer(to: &storage) { pointer in
            // SAFETY: sockaddr_storage may be accessed as any sockaddr; `length` bounds what the kernel writes.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { cadenza_accept(listener, $0, &length) }
        }
        if descriptor >= 0 {
            guard let peer = SocketAddress(storage) else {
                close(descriptor)
                throw SystemCallError("accept4", code: EAFNOSUPPORT)
            }
            return (descriptor, peer)
        }
        if errno == EAGAIN { return nil }
        throw SystemCallError("accept4")
    }

    private static func boundAddress(_ descriptor: Int32) throws(SystemCallError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) { pointer in
            // SAFETY: as in acceptOne.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard status == 0, let address = SocketAddress(storage) else { throw SystemCallError("getsockname") }
        return address
    }

    private static func set(
        _ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32
    ) throws(SystemCallError) {
        var value = value
        guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw SystemCallError("setsockopt")
        }
    }
}
