internal import Glibc

/// A numeric IPv4 or IPv6 address with a port. Names are not resolved here: that would block.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    private enum Bytes: Hashable, Sendable {
        case v4(UInt32)
        case v6(UInt64, UInt64, scope: UInt32)
    }
    // In network order, as the kernel gives them.
    private var bytes: Bytes
    public var port: UInt16

    /// `nil` unless `host` is a numeric address: `127.0.0.1`, `::1`; `::` listens on IPv4 too.
    public init?(host: String, port: UInt16) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            bytes = .v4(four.s_addr)
        } else if inet_pton(AF_INET6, host, &six) == 1 {
            bytes = Self.v6(six, scope: 0)
        } else {
            return nil
        }
        self.port = port
    }

    init?(_ storage: sockaddr_storage) {
        var storage = storage
        switch Int32(storage.ss_family) {
        case AF_INET:
            let four = Self.read(&storage, as: sockaddr_in.self)
            bytes = .v4(four.sin_addr.s_addr)
            port = UInt16(bigEndian: four.sin_port)
        case AF_INET6:
            let six = Self.read(&storage, as: sockaddr_in6.self)
            bytes = Self.v6(six.sin6_addr, scope: six.sin6_scope_id)
            port = UInt16(bigEndian: six.sin6_port)
        default: return nil
        }
    }

    var family: Int32 { if case .v4 = bytes { AF_INET } else { AF_INET6 } }

    /// The address without port; an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) reads as IPv4.
    public var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch bytes {
        case .v4(let address):
            var address = in_addr(s_addr: address)
            inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
        case .v6(0, let low, _) where UInt64(bigEndian: low) >> 32 == 0xFFFF:
            var address = in_addr(s_addr: UInt32(truncatingIfNeeded: UInt64(bigEndian: low)).bigEndian)
            inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
        case .v6(let high, let low, _):
            var address = Self.address(high, low)
            inet_ntop(AF_INET6, &address, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// What one subscriber holds: an IPv4 address, or the /64 of an IPv6 address (RFC 6177), without port.
    public var subscriber: SocketAddress {
        var copy = self
        copy.port = 0
        // A mapped IPv4 address, upper half zero, is told apart by its lower half.
        if case .v6(let high, _, let scope) = bytes, high != 0 { copy.bytes = .v6(high, 0, scope: scope) }
        return copy
    }

    public var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Calls `body` with the address as the kernel wants it.
    func withSockaddr<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        switch bytes {
        case .v4(let address):
            var native = sockaddr_in()
            native.sin_family = sa_family_t(AF_INET)
            native.sin_port = port.bigEndian
            native.sin_addr.s_addr = address
            return Self.pass(&native, body)
        case .v6(let high, let low, let scope):
            var native = sockaddr_in6()
            native.sin6_family = sa_family_t(AF_INET6)
            native.sin6_port = port.bigEndian
            native.sin6_addr = Self.address(high, low)
            native.sin6_scope_id = scope
            return Self.pass(&native, body)
        }
    }

    private static func pass<Native, Value>(
        _ native: inout Native, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        withUnsafePointer(to: &native) { pointer in
            // SAFETY: every sockaddr_… begins with sockaddr's family; the kernel reads `length` bytes of it.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Native>.size)) }
        }
    }

    private static func read<Native>(_ storage: inout sockaddr_storage, as: Native.Type) -> Native {
        // SAFETY: sockaddr_storage is large enough and aligned for every address family.
        withUnsafeBytes(of: &storage) { $0.loadUnaligned(as: Native.self) }
    }

    private static func v6(_ address: in6_addr, scope: UInt32) -> Bytes {
        withUnsafeBytes(of: address) { bytes in
            .v6(
                bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                scope: scope)
        }
    }

    private static func address(_ high: UInt64, _ low: UInt64) -> in6_addr {
        var address = in6_addr()
        withUnsafeMutableBytes(of: &address) { bytes in
            bytes.storeBytes(of: high, as: UInt64.self)
            bytes.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
        }
        return address
    }
}
