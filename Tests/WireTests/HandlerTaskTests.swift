import HTTP
import HTTPServer
import Support
import Testing

struct HandlerTaskTests {
    @Test func `a handler that was cancelled from within leaves the next request alone`() async throws {
        try await withServer(respond: { request in
            if request.head.path == "/cancel" { withUnsafeCurrentTask { $0?.cancel() } }
            return Response(status: 200, body: .bytes(Array("\(Task.isCancelled)".utf8)))
        }) { port in
            let client = try WireClient(port)
            for (path, isCancelled) in [("/", "false"), ("/cancel", "true"), ("/", "false"), ("/", "false")] {
                try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.readResponse().text == isCancelled, "\(path)")
            }
        }
    }
}
