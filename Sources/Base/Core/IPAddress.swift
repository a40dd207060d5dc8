internal import Glibc

/// A numeric IPv4 or IPv6 address without port and zone. An IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) is that
/// IPv4 address.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The 128 bits of the address, or of the IPv6 address that an IPv4 address is mapped into.
    private let high: UInt64
    private let low: UInt64

    /// Reads `192.0.2.1` or `2001:db8::1`; `nil` for anything else. Names are not resolved.
    public init?(_ text: String) {
        guard text.utf8.count < Int(INET6_ADDRSTRLEN), !text.utf8.contains(0) else { return nil }
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr)))
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self = withUnsafeBytes(of: six) { bytes in
                IPAddress(
                    high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        } else {
            return nil
        }
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// What one subscriber holds: an IPv4 address, or the /64 of an IPv6 address (RFC 6177).
    public var subscriber: IPAddress { high == 0 ? self : IPAddress(high: high, low: 0) }

    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        if isIPv4 {
            var four = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
            inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
        } else {
            var six = in6_addr()
            withUnsafeMutableBytes(of: &six) { bytes in
                bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            inet_ntop(AF_INET6, &six, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The first `prefix` of the 128 bits, the others zero.
    fileprivate func masked(_ prefix: Int) -> IPAddress {
        IPAddress(
            high: prefix >= 64 ? high : high & Self.mask(prefix), low: prefix <= 64 ? 0 : low & Self.mask(prefix - 64))
    }

    private static func mask(_ bits: Int) -> UInt64 { bits == 0 ? 0 : UInt64.max << UInt64(64 - bits) }
}

/// One address, or those that share a prefix (CIDR, RFC 4632 and RFC 4291 §2.3): `10.0.0.0/8`, `2001:db8::/32`.
public struct IPRange: Hashable, Sendable {
    private let first: IPAddress
    /// Of 128 bits, also for IPv4.
    private let prefix: Int

    /// `nil` unless `text` is an address, or an address and a prefix length whose further bits are zero.
    public init?(_ text: String) {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(halves[0])) else { return nil }
        let bits = address.isIPv4 && !halves[0].contains(":") ? 32 : 128
        var length = bits
        if halves.count == 2 {
            guard !halves[1].isEmpty, halves[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                let given = Int(halves[1]), given <= bits
            else { return nil }
            length = given
        }
        prefix = 128 - bits + length
        guard address.masked(prefix) == address else { return nil }
        first = address
    }

    public func contains(_ address: IPAddress) -> Bool { address.masked(prefix) == first }
}
