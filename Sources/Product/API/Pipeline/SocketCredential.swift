internal import HTTP

/// The API key of a browser's WebSocket, which cannot send `Authorization`: it is offered as a subprotocol
/// `bearer.ck_…` beside the real one, which alone is answered.
enum SocketCredential {
    /// The subprotocol of our own sockets: what a browser must be answered if it offered any.
    static let subprotocol = "cadenza.v1"
    private static let bearer = "bearer."

    /// The key, if the request is a handshake that offers one.
    static func token(_ head: RequestHead) -> String? {
        guard head.fields["Upgrade"]?.equalsIgnoringASCIICase("websocket") == true else { return nil }
        let offers = head.fields.values("Sec-WebSocket-Protocol").flatMap { $0.split(separator: ",") }
        let tokens = offers.map { $0.drop { $0 == " " } }.filter { $0.hasPrefix(bearer) }
        guard tokens.count == 1 else { return nil }
        return String(tokens[0].dropFirst(bearer.utf8.count).prefix { $0 != " " })
    }
}
