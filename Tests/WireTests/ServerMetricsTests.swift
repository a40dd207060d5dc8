import HTTP
import HTTPServer
import Support
import Telemetry
import Testing

@Suite struct ServerMetricsTests {
    @Test func `every response is counted once under the program's name, the server's own refusals too`() async throws {
        let metrics = Metrics()
        try await withServer(metrics: metrics, respond: echo) { port in
            #expect(try WireClient(port).get("/").status == 200)
            let bad = try WireClient(port)
            try bad.send("nonsense\r\n\r\n")
            #expect(try bad.readResponse().status == 400)
        }
        for status in ["2xx", "4xx"] {
            let counter = metrics.counter(
                "cadenza_http_responses_total", help: "Responses begun.", labels: ["status": status])
            #expect(counter.value == 1)
        }
        let names = metrics.render().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(names.allSatisfy { $0.hasPrefix("cadenza_") })
    }
}
