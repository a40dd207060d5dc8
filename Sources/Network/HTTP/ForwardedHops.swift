internal import Core

/// What one proxy says of the request it passed on.
struct ForwardedHop: Hashable {
    /// Who sent it to the proxy; `nil` where the proxy does not know, hides it (RFC 7239 §6.2, §6.3) or is unreadable.
    var address: IPAddress?
    var scheme: String?
    var host: String?
}

/// The hops of a request, the nearest to us last.
enum ForwardedHops {
    /// Of the Forwarded fields (RFC 7239 §4); `nil` if they are malformed.
    static func forwarded(_ fields: HTTPFields) -> [ForwardedHop]? {
        let text = fields.values("Forwarded").joined(separator: ",")
        var scanner = ForwardedScanner(text)
        return scanner.hops()
    }

    /// Of X-Forwarded-For, with the scheme and host that the nearest proxy gives beside it.
    static func xForwarded(_ fields: HTTPFields) -> [ForwardedHop] {
        let addresses = list(fields.values("X-Forwarded-For")).map { ForwardedHop(address: node($0)) }
        let scheme = list(fields.values("X-Forwarded-Proto")).last?.lowercased()
        let host = list(fields.values("X-Forwarded-Host")).last
        return addresses.map { ForwardedHop(address: $0.address, scheme: scheme, host: host) }
    }

    private static func list(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }.map { $0.trimmingBlanks }.filter { !$0.isEmpty }
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`, `2001:db8::1`; a port is passed over.
    static func node(_ text: String) -> IPAddress? {
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]"), isPort(text[text.index(after: close)...]) else { return nil }
            let inner = String(text[text.index(after: text.startIndex)..<close])
            return inner.contains(":") ? IPAddress(inner) : nil
        }
        if let address = IPAddress(text) { return address }
        guard let colon = text.firstIndex(of: ":"), isPort(text[colon...]) else { return nil }
        return IPAddress(String(text[..<colon]))
    }

    /// Nothing, or a colon and a port, which RFC 7239 §6 lets be hidden: `:_p1`.
    private static func isPort(_ text: Substring) -> Bool {
        guard let first = text.first else { return true }
        let port = text.dropFirst().utf8
        guard first == ":", let lead = port.first else { return false }
        if lead == UInt8(ascii: "_") {
            return port.dropFirst().allSatisfy { $0.isUnreserved && $0 != UInt8(ascii: "~") }
        }
        return port.count <= 5 && port.allSatisfy(\.isDigit)
    }
}

/// Reads `for=192.0.2.1;proto=https, for="[2001:db8::1]:80"`.
private struct ForwardedScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    mutating func hops() -> [ForwardedHop]? {
        var hops: [ForwardedHop] = []
        while true {
            skip { $0.isBlank || $0 == ASCII.comma }
            guard !rest.isEmpty else { return hops }
            guard let hop = hop() else { return nil }
            hops.append(hop)
        }
    }

    private mutating func hop() -> ForwardedHop? {
        var hop = ForwardedHop()
        var seen: Set<String> = []
        while let first = rest.first, first != ASCII.comma {
            if first == ASCII.semicolon || first.isBlank {
                rest.removeFirst()
                continue
            }
            let name = token().lowercased()
            guard !name.isEmpty, seen.insert(name).inserted, rest.popFirst() == ASCII.equals, let value = value() else {
                return nil
            }
            switch name {
            case "for": hop.address = ForwardedHops.node(value)
            case "proto": hop.scheme = value.lowercased()
            case "host": hop.host = value
            default: break
            }
            skip(\.isBlank)
            guard rest.isEmpty || rest.first == ASCII.semicolon || rest.first == ASCII.comma else { return nil }
        }
        return hop
    }

    private mutating func value() -> String? {
        guard rest.first == ASCII.quote else {
            let text = token()
            return text.isEmpty ? nil : text
        }
        rest.removeFirst()
        var bytes: [UInt8] = []
        while var byte = rest.popFirst() {
            if byte == ASCII.quote { return String(decoding: bytes, as: UTF8.self) }
            if byte == ASCII.backslash {
                guard let escaped = rest.popFirst() else { return nil }
                byte = escaped
            }
            bytes.append(byte)
        }
        return nil
    }

    private mutating func token() -> String {
        let end = rest.firstIndex { !$0.isToken } ?? rest.endIndex
        defer { rest = rest[end...] }
        return String(Substring(rest[..<end]))
    }

    private mutating func skip(_ isSkipped: (UInt8) -> Bool) {
        rest = rest[(rest.firstIndex { !isSkipped($0) } ?? rest.endIndex)...]
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        let head = utf8.drop(while: \.isBlank)
        guard let last = head.lastIndex(where: { !$0.isBlank }) else { return "" }
        return String(Substring(head[...last]))
    }
}
