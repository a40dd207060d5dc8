import Accounts
import Core
import HTTP
import Studio
import Support
import Telemetry

@testable import API

/// A pipeline of routes made for one rule.
struct StepFixture {
    let studio: StudioFixture
    let pipeline: Pipeline

    init(limits: APILimits = APILimits(), options: PipelineOptions = PipelineOptions(), _ routes: Route...) async throws
    {
        studio = try await StudioFixture()
        pipeline = try Pipeline(
            routes: routes, accounts: studio.accounts, limits: limits, options: options, log: Logger(level: .error),
            metrics: Metrics(), time: studio.time)
    }

    func send(
        _ method: String, _ path: String, _ fields: [(String, String)] = [], body: RequestBody = .none,
        address: String = "127.0.0.1", isSecure: Bool = false
    ) async throws -> Answer {
        var head = RequestHead(method: method, target: path, path: path)
        for (name, value) in fields { head.fields.append(name, value) }
        let request = Request(head: head, body: body, remoteAddress: address, isSecure: isSecure)
        return try await Answer(await pipeline.respond(to: request))
    }
}

/// A route without a document.
extension Route {
    init(
        _ method: String, _ path: String, _ caller: Guard = .open, budget: Budget = .general,
        _ handler: @escaping @Sendable (RequestContext) async throws(Problem) -> Response
    ) {
        self.init(method, path, caller, "test", "Test", budget: budget, answers: .response([]), handler)
    }
}

/// A whole answer.
func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
    var response = Response(status: 200, body: .bytes(Array(text.utf8)))
    response.fields["Content-Type"] = type
    return response
}

/// A site of `/file`.
struct OneFile: StaticSite {
    func answer(_ head: RequestHead) async -> StaticAnswer {
        guard head.path == "/file" else { return .nothing }
        return head.method == "GET" || head.method == "HEAD" ? .response(text("file")) : .readOnly
    }
}
