internal import Accounts
internal import Core
internal import HTTP
internal import Telemetry

/// One log line and one observation a request, when its answer is known.
struct AccessLog: Sendable {
    private let log: Logger
    private let duration: Histogram

    init(log: Logger, metrics: Metrics) {
        self.log = log
        duration = metrics.histogram(
            "cadenza_http_request_seconds", help: "From the request's head to its handler's answer",
            bounds: Histogram.secondsBounds)
    }

    /// - Parameter began: by `monotonicNanoseconds`.
    func record(_ response: Response, of context: RequestContext, began: UInt64) {
        let nanoseconds = monotonicNanoseconds() - began
        duration.observe(Double(nanoseconds) / 1e9)
        log.line(.info, "request") { line in
            line.add("requestId", context.id)
            line.add("method", context.request.head.method)
            line.add("path", context.request.head.path)
            line.add("status", response.status)
            line.add("milliseconds", Int(nanoseconds / 1_000_000))
            if let account = context.principal?.accountID {
                line.add("account", account)
            } else {
                line.add("account", literal: "-")
            }
            line.add("address", context.request.remoteAddress)
        }
    }
}
