internal import Core

/// A client's opening handshake that holds (RFC 6455 §4.2.1), and what it offers.
public struct WebSocketHandshake: Hashable, Sendable {
    /// What the client's subprotocols are called, in its order of preference.
    public let protocols: [String]
    /// The value of Sec-WebSocket-Accept.
    let accept: String
    let offers: [WebSocketExtensionOffer]

    static let version = "13"
    private static let key = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// - Throws: `upgrade_required` where the request asks for no WebSocket, or for another version of it; its answer
    ///   must carry `upgradeFields`. `bad_request` where it asks for one in a way that is malformed.
    public init(_ request: Request) throws(Refusal) {
        let fields = request.head.fields
        // RFC 9110 §7.8: an Upgrade of HTTP/1.0 is passed over.
        guard request.head.method == "GET", request.head.minorVersion >= 1, Self.has("websocket", fields, "Upgrade"),
            Self.has("upgrade", fields, "Connection")
        else { throw Refusal(.upgradeRequired, "This resource speaks WebSocket only") }
        guard request.body.declaredLength == 0 else {
            throw Refusal(.badRequest, "A WebSocket handshake has no body")
        }
        guard fields.values("Sec-WebSocket-Version") == [Self.version] else {
            throw Refusal(.upgradeRequired, "Only version 13 of WebSocket is spoken here")
        }
        let keys = fields.values("Sec-WebSocket-Key")
        guard keys.count == 1, Self.isKey(keys[0]) else {
            throw Refusal(.badRequest, "Sec-WebSocket-Key must be one value of 16 bytes in base64")
        }
        accept = Base64.encode(SHA1.hash(of: Array((keys[0] + Self.key).utf8)))
        protocols = try Self.protocols(fields)
        guard let offers = WebSocketExtensionOffer.parse(fields.values("Sec-WebSocket-Extensions")) else {
            throw Refusal(.badRequest, "Sec-WebSocket-Extensions is malformed")
        }
        self.offers = offers
    }

    /// Belong into every answer of status 426 (RFC 6455 §4.4, RFC 9110 §15.5.22).
    public static let upgradeFields = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", version)]

    /// The first offered compression that can be agreed to.
    func compression(_ limits: WebSocketLimits) -> WebSocketCompression? {
        guard limits.allowsCompression else { return nil }
        return offers.lazy.compactMap { WebSocketCompression($0, windowBits: limits.windowBits) }.first
    }

    private static func elements(_ fields: HTTPFields, _ name: String) -> [String] {
        fields.values(name).flatMap { $0.split(separator: ",") }.map {
            var element = $0.drop { $0 == " " || $0 == "\t" }
            while element.last == " " || element.last == "\t" { element.removeLast() }
            return String(element)
        }
    }

    private static func has(_ token: String, _ fields: HTTPFields, _ name: String) -> Bool {
        elements(fields, name).contains { $0.equalsIgnoringASCIICase(token) }
    }

    /// 16 bytes are 22 digits of base64 and two of padding. Of the last digit only two bits count: a key that sets the
    /// other four was written by no encoder (RFC 4648 §3.5).
    private static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 24 && bytes[22...].allSatisfy { $0 == ASCII.equals }
            && bytes[..<22].allSatisfy(Base64.isDigit) && "AQgw".utf8.contains(bytes[21])
    }

    private static func protocols(_ fields: HTTPFields) throws(Refusal) -> [String] {
        let names = elements(fields, "Sec-WebSocket-Protocol").filter { !$0.isEmpty }
        guard names.allSatisfy({ $0.utf8.allSatisfy(\.isToken) }), Set(names).count == names.count else {
            throw Refusal(.badRequest, "Sec-WebSocket-Protocol is malformed")
        }
        return names
    }
}

extension Response {
    /// Switches the connection over to a WebSocket (RFC 6455 §4.2.2).
    /// - Parameter subprotocol: one of `handshake.protocols`, or none.
    public static func webSocket(
        _ handshake: WebSocketHandshake, subprotocol: String? = nil, limits: WebSocketLimits,
        handler: @escaping WebSocketHandler
    ) -> Response {
        let compression = handshake.compression(limits)
        let upgrade = WebSocketUpgrade(limits: limits, compression: compression, handler: handler)
        var response = Response(status: 101, body: .webSocket(upgrade))
        // No request follows on this connection.
        response.closesConnection = true
        response.fields["Upgrade"] = "websocket"
        response.fields["Sec-WebSocket-Accept"] = handshake.accept
        response.fields["Sec-WebSocket-Protocol"] = subprotocol
        response.fields["Sec-WebSocket-Extensions"] = compression?.answer
        return response
    }
}
