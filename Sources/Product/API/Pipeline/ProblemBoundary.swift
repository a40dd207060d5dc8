internal import Core
internal import HTTP
internal import Telemetry

/// Every refusal becomes one shape of answer; causes go to the log, never to the client.
struct ProblemBoundary: Sendable {
    let log: Logger

    func answer(_ problem: Problem, _ context: RequestContext) -> Response {
        if let cause = problem.cause {
            log.error("request failed", ["requestId": context.id, "code": problem.code.rawValue, "cause": cause])
        }
        let path = context.request.head.path
        return problem.response(requestID: context.id, instance: path, isFirstAPI: Route.isFirstAPI(path))
    }

    /// The answer to a request that never became one: the server's own refusals have the same form.
    func answer(_ refusal: Refusal, id: RequestID) -> Response {
        log.info("request refused", ["requestId": id, "code": refusal.code.rawValue, "reason": refusal.reason])
        return Problem(refusal).response(requestID: id, instance: "", isFirstAPI: false)
    }
}
