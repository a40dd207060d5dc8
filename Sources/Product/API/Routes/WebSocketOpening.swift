internal import Core
internal import HTTP

/// The opening handshake of the routes that are WebSockets.
enum WebSocketOpening {
    /// The subprotocol of our own sockets: what browsers must be answered if they offer any.
    static let subprotocol = "cadenza.v1"
    private static let bearer = "bearer."

    static let problems: [ProblemCode] = [.badRequest, .upgradeRequired]

    static func handshake(_ context: RequestContext) throws(Problem) -> WebSocketHandshake {
        do {
            return try WebSocketHandshake(context.request)
        } catch {
            var problem = Problem(error)
            if error.code == .upgradeRequired {
                for (name, value) in WebSocketHandshake.upgradeFields { problem.fields[name] = value }
            }
            throw problem
        }
    }

    /// The API key of a browser's WebSocket, which cannot send `Authorization`: offered as a subprotocol `bearer.ck_…`
    /// beside the real one, it is never answered.
    static func token(_ head: RequestHead) -> String? {
        guard head.fields["Upgrade"]?.equalsIgnoringASCIICase("websocket") == true else { return nil }
        let offers = head.fields.values("Sec-WebSocket-Protocol").flatMap { $0.split(separator: ",") }
        let tokens = offers.map { $0.drop { $0 == " " } }.filter { $0.hasPrefix(bearer) }
        guard tokens.count == 1 else { return nil }
        return String(tokens[0].dropFirst(bearer.utf8.count).prefix { $0 != " " })
    }
}
