internal import Core
internal import HTTP
internal import Telemetry

/// What load balancers and monitors ask.
struct HealthRoutes: Sendable {
    let isReady: @Sendable () async -> Bool
    let metrics: Metrics

    /// Touches nothing: it says that a loop turns.
    func live(_ context: RequestContext) async throws(Problem) -> Response { .json(["status": "ok"]) }

    func ready(_ context: RequestContext) async throws(Problem) -> Response {
        guard await isReady() else { throw Problem(.overloaded, "The server is not ready.") }
        return .json(["status": "ready"])
    }

    func metricsText(_ context: RequestContext) async throws(Problem) -> Response {
        var response = Response(status: 200, body: .bytes(Array(metrics.render().utf8)))
        response.fields["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
        return response
    }
}
