public import Core

/// Who a request comes from, past the proxies that are believed.
///
/// Only one kind of field is read, the one that the operator's proxies write: the other kind would reach us as the
/// client sent it. The list is walked from our end over the hops of trusted proxies; the first other address is the
/// client's. Where a hop is hidden or unreadable, the proxy that reports it stands for the client.
public struct TrustedProxies: Sendable {
    public enum Field: String, Sendable {
        /// RFC 7239.
        case forwarded
        /// X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host.
        case xForwarded
    }

    public struct Client: Hashable, Sendable {
        public var address: IPAddress
        /// Whether the client came over TLS, where the proxy says it.
        public var isSecure: Bool?
        /// The authority that the client used, where the proxy says it.
        public var host: String?
    }

    /// Hops looked at; what lies beyond them stands for the client.
    public static let hopsMax = 32

    private let ranges: [IPRange]
    private let field: Field

    public init(_ ranges: [IPRange] = [], field: Field = .xForwarded) {
        self.ranges = ranges
        self.field = field
    }

    public var isEmpty: Bool { ranges.isEmpty }

    public func trusts(_ address: IPAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// The client of a request that came from `peer`, a numeric address; `nil` if that is no trusted proxy.
    public func client(peer: String, fields: HTTPFields) -> Client? {
        guard !isEmpty, let peer = IPAddress(peer), trusts(peer) else { return nil }
        let hops = field == .forwarded ? ForwardedHops.forwarded(fields) : ForwardedHops.xForwarded(fields)
        var client = Client(address: peer)
        for hop in (hops ?? []).reversed().prefix(Self.hopsMax) {
            client.isSecure = Self.isSecure(hop.scheme)
            client.host = hop.host.flatMap { Self.isAuthority($0) ? $0 : nil }
            guard let address = hop.address else { break }
            client.address = address
            guard trusts(address) else { break }
        }
        return client
    }

    private static func isSecure(_ scheme: String?) -> Bool? {
        switch scheme {
        case "https": true
        case "http": false
        default: nil
        }
    }

    private static func isAuthority(_ host: String) -> Bool {
        Array(host.utf8).withUnsafeBytes { RequestTarget.isAuthority($0) }
    }
}
