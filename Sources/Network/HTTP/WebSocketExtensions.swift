/// One element of Sec-WebSocket-Extensions (RFC 6455 §9.1).
struct WebSocketExtensionOffer: Hashable {
    struct Parameter: Hashable {
        var name: String
        var value: String?
    }

    var name: String
    var parameters: [Parameter]

    /// Offers and parameters of one handshake: each is compared with those before it.
    static let countMax = 32

    /// The offers in the peer's order of preference; `nil` if the field is malformed or has too many.
    static func parse(_ fields: [String]) -> [WebSocketExtensionOffer]? {
        var offers: [WebSocketExtensionOffer] = []
        for field in fields {
            for element in split(field, at: ASCII.comma) {
                // RFC 9110 §5.6.1: empty elements of a list are passed over.
                if element.allSatisfy(\.isBlank) { continue }
                guard offers.count < countMax, let offer = WebSocketExtensionOffer(element) else { return nil }
                offers.append(offer)
            }
        }
        return offers
    }

    private init?(_ element: ArraySlice<UInt8>) {
        let parts = Self.split(String(decoding: element, as: UTF8.self), at: ASCII.semicolon)
        guard parts.count <= Self.countMax, let name = Self.token(parts[0]) else { return nil }
        self.name = name.lowercased()
        parameters = []
        for part in parts.dropFirst() {
            let halves = part.split(separator: ASCII.equals, maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.token(halves[0]) else { return nil }
            var value: String?
            if halves.count == 2 {
                guard let text = Self.token(Self.unquoted(halves[1])) else { return nil }
                value = text
            }
            parameters.append(Parameter(name: name.lowercased(), value: value))
        }
    }

    /// What a quoted value holds must be a token too, so no separator can stand in it.
    private static func split(_ text: String, at separator: UInt8) -> [ArraySlice<UInt8>] {
        Array(text.utf8).split(separator: separator, omittingEmptySubsequences: false)
    }

    private static func unquoted(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let inner = trimmed(bytes)
        guard inner.count >= 2, inner.first == ASCII.quote, inner.last == ASCII.quote else { return inner }
        return inner.dropFirst().dropLast()
    }

    private static func token(_ bytes: ArraySlice<UInt8>) -> String? {
        let inner = trimmed(bytes)
        guard !inner.isEmpty, inner.allSatisfy(\.isToken) else { return nil }
        return String(decoding: inner, as: UTF8.self)
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes.drop(while: \.isBlank)
        while bytes.last?.isBlank == true { bytes.removeLast() }
        return bytes
    }
}

/// What both sides have agreed on for permessage-deflate (RFC 7692 §7.1).
public struct WebSocketCompression: Hashable, Sendable {
    /// The server forgets after each message what it has sent.
    var serverForgets = false
    /// The client does.
    var clientForgets = false
    /// The largest window that the server may compress with, as a base-two logarithm; `nil` if the client set none.
    var serverWindowBits: Int?
    /// The same for the client; `nil` if the client did not say that it can be limited.
    var clientWindowBits: Int?

    static let name = "permessage-deflate"
    /// zlib cannot compress a raw stream with a smaller window.
    static let windowBitsLeast = 9

    init() {}

    /// Agrees to an offer; `nil` declines it.
    /// - Parameter windowBits: what this side wants to spend.
    init?(_ offer: WebSocketExtensionOffer, windowBits: Int) {
        guard offer.name == Self.name else { return nil }
        guard Set(offer.parameters.map(\.name)).count == offer.parameters.count else { return nil }
        for parameter in offer.parameters {
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil): serverForgets = true
            case ("client_no_context_takeover", nil): clientForgets = true
            case ("server_max_window_bits", let value?):
                guard let bits = Self.windowBits(value), bits >= Self.windowBitsLeast else { return nil }
                serverWindowBits = min(bits, windowBits)
            case ("client_max_window_bits", let value):
                guard let bits = value.map(Self.windowBits) ?? 15 else { return nil }
                clientWindowBits = min(bits, windowBits)
            default: return nil
            }
        }
    }

    /// The element of the answer's Sec-WebSocket-Extensions.
    var answer: String {
        var parts = [Self.name]
        if serverForgets { parts.append("server_no_context_takeover") }
        if clientForgets { parts.append("client_no_context_takeover") }
        if let serverWindowBits { parts.append("server_max_window_bits=\(serverWindowBits)") }
        if let clientWindowBits { parts.append("client_max_window_bits=\(clientWindowBits)") }
        return parts.joined(separator: "; ")
    }

    /// Digits without a leading zero, 8 to 15 (RFC 7692 §7.1.2).
    private static func windowBits(_ text: String) -> Int? {
        guard text.utf8.allSatisfy(\.isDigit), !text.hasPrefix("0"), let bits = Int(text), (8...15).contains(bits)
        else { return nil }
        return bits
    }
}
