internal import Core
public import HTTP
public import Reactor

/// Where a server listens and what it allows.
public struct ServerConfiguration: Sendable {
    /// A numeric address, `127.0.0.1`, `0.0.0.0`, `::1` or `::`.
    public var host = "127.0.0.1"
    /// 0 lets the kernel choose.
    public var port: UInt16 = 0
    /// Event loops, one thread each; by default one for each processor this process may use.
    public var loops: Int
    /// Certificates, for HTTPS; `nil` for plain HTTP.
    public var tls: TLSContext?
    public var limits = ConnectionLimits()
    /// Peers that connect for many clients: the limit of connections from one address is not theirs.
    public var proxies = TrustedProxies()
    public var messages = MessageLimits()
    public var listener = ListenerLimits()
    /// What every response carries, also those that the server itself refuses with.
    public var standingFields = HTTPFields()
    /// Makes the responses that the server itself refuses with, so that the API owns their shape. Not streamed.
    public var problem: Refusing

    /// - Parameter isSecure: whether the connection is under TLS.
    public typealias Refusing = @Sendable (_ refusal: Refusal, _ isSecure: Bool) -> Response

    public init(problem: @escaping Refusing) {
        self.problem = problem
        loops = processorCount()
    }
}

/// Why a server could not start.
public enum ServerError: Error, Hashable, Sendable {
    /// The host is not a numeric address.
    case invalidHost(String)
    case cannotListen(address: String, SystemCallError)
    case cannotStartLoop(SystemCallError)
}
