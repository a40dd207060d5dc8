internal import Core
internal import HTTP
internal import Telemetry

/// What load balancers and monitors ask.
struct HealthRoutes: Sendable {
    /// The operation that touches nothing.
    static let liveID = "live"

    let isReady: @Sendable () async -> Bool
    let metrics: Metrics

    /// Touches nothing: it says that a loop turns.
    func live(_ context: RequestContext) throws(Problem) -> LiveAnswer { LiveAnswer() }

    func ready(_ context: RequestContext) async throws(Problem) -> ReadyAnswer {
        guard await isReady() else { throw Problem(.overloaded, "The server is not ready.") }
        return ReadyAnswer()
    }

    static let metricsType = "text/plain; version=0.0.4; charset=utf-8"

    func metricsText(_ context: RequestContext) throws(Problem) -> Response {
        var response = Response(status: 200, body: .bytes(Array(metrics.render().utf8)))
        response.fields["Content-Type"] = Self.metricsType
        return response
    }
}
