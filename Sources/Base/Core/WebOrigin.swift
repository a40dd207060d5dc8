/// The origin of a web page (RFC 6454 §4): scheme, host and port, of http or https.
public struct WebOrigin: Hashable, Sendable, CustomStringConvertible {
    private let isSecure: Bool
    /// In lower case.
    private let host: String
    private let port: Int

    /// Reads `https://app.example.com` or `http://localhost:3000`; `nil` for anything else: `null`, `*`, a path.
    public init?(_ text: String) {
        let lowered = text.lowercased()
        if lowered.hasPrefix("https://") {
            self.init(isSecure: true, authority: lowered.dropFirst(8))
        } else if lowered.hasPrefix("http://") {
            self.init(isSecure: false, authority: lowered.dropFirst(7))
        } else {
            return nil
        }
    }

    /// The origin of what is served over TLS or not under `authority`, the value of a Host field.
    public init?(isSecure: Bool, authority: some StringProtocol) {
        let lowered = authority.lowercased()
        let hostEnd =
            lowered.hasPrefix("[")
            ? lowered.firstIndex(of: "]").map(lowered.index(after:)) : lowered.firstIndex(of: ":") ?? lowered.endIndex
        guard let hostEnd, hostEnd > lowered.startIndex,
            lowered[..<hostEnd].utf8.allSatisfy(Self.isHostByte)
        else { return nil }
        let rest = lowered[hostEnd...]
        if rest.isEmpty || rest == ":" {
            port = isSecure ? 443 : 80
        } else {
            guard rest.first == ":", rest.dropFirst().utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                let number = UInt16(rest.dropFirst())
            else { return nil }
            port = Int(number)
        }
        host = String(lowered[..<hostEnd])
        self.isSecure = isSecure
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"): true
        default: false
        }
    }

    /// As browsers write it: without the scheme's own port.
    public var description: String {
        let isDefault = port == (isSecure ? 443 : 80)
        return (isSecure ? "https://" : "http://") + host + (isDefault ? "" : ":\(port)")
    }
}
