internal import Core
internal import HTTP

extension RouteInput where Value == WebSocketHandshake {
    /// The opening handshake of a WebSocket (RFC 6455 §4.2.1); a request that is none is told which protocol is spoken.
    static var webSocket: RouteInput {
        let spec = InputSpec(
            place: .header, name: "Upgrade", schema: .string, isRequired: false,
            summary: "`websocket`, with the other fields of a handshake of RFC 6455.",
            refuses: [.upgradeRequired, .badRequest])
        return RouteInput(spec: spec) { context, faults in
            do throws(Refusal) {
                return try WebSocketHandshake(context.request)
            } catch {
                var problem = Problem(error)
                if error.code == .upgradeRequired {
                    for (name, value) in WebSocketHandshake.upgradeFields { problem.fields[name] = value }
                }
                faults.give(up: problem)
                return nil
            }
        }
    }
}

extension RouteOutput where Value == Response {
    /// 101, and then frames: what they carry stands in `summary`, because OpenAPI cannot say it.
    static func webSocket(_ summary: String) -> RouteOutput {
        .response([
            AnswerSpec(
                status: 101, summary: summary,
                fields: [
                    FieldSpec(name: "Upgrade", schema: .constant("websocket"), summary: "The protocol from here on."),
                    FieldSpec(name: "Sec-WebSocket-Accept", schema: .string, summary: "Of the handshake's key."),
                ])
        ])
    }
}
