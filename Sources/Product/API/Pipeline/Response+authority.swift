internal import Accounts
internal import HTTP

extension Response {
    /// What is written after the handler has returned (a stream, a WebSocket's frames) runs on its caller's authority.
    func carried(by authority: CallerAuthority) -> Response {
        var response = self
        switch body {
        case .stream(let length, let write):
            response.body = .stream(length: length) { writer in
                try await authority.act { () async throws in try await write(writer) }
            }
        case .webSocket(var upgrade):
            let handler = upgrade.handler
            upgrade.handler = { socket in try await authority.act { () async throws in try await handler(socket) } }
            response.body = .webSocket(upgrade)
        case .empty, .bytes, .file: break
        }
        return response
    }
}
