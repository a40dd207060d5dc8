internal import Core
internal import HTTP

/// What a route asks of its caller before its handler runs.
enum Guard: Sendable {
    /// Nothing, and no budget: what load balancers ask many times a minute.
    case probe
    /// Nothing; counted against the budget of the address.
    case open
    /// A credential of an account.
    case account
}

/// Which of an account's budgets a route spends.
enum Budget: Sendable {
    case general
    /// Submissions of jobs.
    case submission
    /// What stands before a payment.
    case payment
}

/// A heading that routes are listed under.
struct RouteGroup: Sendable {
    var name: String
    var summary: String

    static let server = RouteGroup(name: "Server", summary: "What monitors and tools ask.")
    static let credits = RouteGroup(name: "Credits", summary: "What an account has and has used.")
    static let jobs = RouteGroup(
        name: "Jobs", summary: "Work on audio: submit it, follow it, fetch what came of it.")

    func callAsFunction(_ routes: Route...) -> [Route] {
        routes.map { route in
            var route = route
            route.group = self
            return route
        }
    }
}

/// One line of the route table: how a request is read, guarded and answered, and what the document says of it.
struct Route: Sendable {
    /// Spends the caller's budget.
    typealias Admission = @Sendable () throws(Problem) -> Void

    var method: String
    var path: String
    /// The operation's name in the OpenAPI document.
    var id: String
    var caller: Guard
    var budget: Budget
    var summary: String
    var group: RouteGroup?
    var inputs: [InputSpec]
    var answers: [AnswerSpec]
    /// What the handler may refuse with, beside what guard and inputs imply.
    var refuses: [ProblemCode]
    /// Our own API refuses query parameters that it does not know; the first API's clients always could send more.
    let closesQuery: Bool
    /// GET, and HEAD with it.
    let isRead: Bool
    /// Whether the handler evaluates preconditions itself, as what they are about must first be found.
    let findsConditions: Bool
    /// Whether the answer is text that `Compression` may compress; what answers without content may.
    let sendsText: Bool
    /// Whether an input is the body.
    let takesBody: Bool
    /// Whether a credential that was good a moment ago is looked up again only by the handler's own transaction.
    private(set) var trustsRecentCallers = false
    private let run: @Sendable (RequestContext, Admission) async throws(Problem) -> Response
    /// Answers without a task, where the handler waits for nothing.
    private(set) var atOnce: (@Sendable (RequestContext) throws(Problem) -> Response)?

    /// - Parameters:
    ///   - inputs: what the handler takes, in its order; a body comes last.
    ///   - answers: what the handler returns, as a response.
    ///   - refuses: the problems of the handler's own.
    init<each Input: Sendable, Output: Sendable>(
        _ method: String, _ path: String, _ caller: Guard, _ id: String, _ summary: String,
        budget: Budget = .general, takes inputs: repeat RouteInput<each Input>, answers output: RouteOutput<Output>,
        refuses: [ProblemCode] = [],
        _ handler: @escaping @Sendable (RequestContext, repeat each Input) async throws(Problem) -> Output
    ) {
        self.method = method
        self.path = path
        self.id = id
        self.caller = caller
        self.budget = budget
        self.summary = summary
        self.answers = output.answers
        self.refuses = refuses + output.refuses
        var specs = output.inputs
        for input in repeat each inputs { specs.append(input.spec) }
        self.inputs = specs
        isRead = method == "GET"
        let findsConditions = specs.contains { $0.name == InputSpec.ifMatch.name }
        self.findsConditions = findsConditions
        let types = output.answers.flatMap(\.content).map(\.mediaType)
        sendsText = types.isEmpty || types.contains(where: Compression.isText)
        takesBody = specs.contains { $0.place == .body }
        closesQuery = path.hasPrefix("/api/v1/")
        let query = closesQuery ? ClosedQuery(specs) : nil
        let isRead = isRead
        run = { (context, admit) async throws(Problem) in
            var faults = Faults()
            query?.check(context.request.head, &faults)
            let values = (repeat await (each inputs).read(context, &faults))
            if let problem = faults.problem { throw Self.refusal(problem, admit) }
            try admit()
            if !isRead, !findsConditions, let failure = Preconditions.failure(of: context) { throw failure }
            var response = output.respond(try await handler(context, repeat try Self.value(each values)))
            if isRead { try Preconditions.heed(&response, context.request.head) }
            return response
        }
    }

    /// A route that takes nothing, asks for no credential, and whose handler waits for nothing.
    init<Output: Sendable>(
        _ method: String, _ path: String, _ caller: Guard, _ id: String, _ summary: String,
        answers output: RouteOutput<Output>, refuses: [ProblemCode] = [],
        atOnce handler: @escaping @Sendable (RequestContext) throws(Problem) -> Output
    ) {
        precondition(caller != .account && !path.hasPrefix("/api/v1/"), "credentials and queries are read by a task")
        self.init(method, path, caller, id, summary, answers: output, refuses: refuses) {
            (context: RequestContext) async throws(Problem) in try handler(context)
        }
        atOnce = { (context) throws(Problem) in
            var response = output.respond(try handler(context))
            try Preconditions.heed(&response, context.request.head)
            return response
        }
    }

    /// Saves the credential's own round trip. Only for a handler that does nothing and knows nothing before it had a
    /// transaction on the caller's authority, and that maps `credentialRefused` to `unauthenticated`.
    func trustingRecentCallers() -> Route {
        var route = self
        route.trustsRecentCallers = true
        return route
    }

    /// Reads the inputs, spends the budget, runs the handler: in the order of the contract, 400 → 429 → 404 → the rest.
    func respond(to context: RequestContext, admit: Admission) async throws(Problem) -> Response {
        try await run(context, admit)
    }

    /// What is malformed is told before the budget, what is not there after it; both count.
    private static func refusal(_ problem: Problem, _ admit: Admission) -> Problem {
        do {
            try admit()
            return problem
        } catch {
            return problem.code.status == 404 ? error : problem
        }
    }

    private static func value<Value>(_ read: Value?) throws(Problem) -> Value {
        guard let read else {
            throw Problem(.internalError, Problem.internalDetail, cause: "an input was neither read nor refused")
        }
        return read
    }
}

/// The query parameters that a route of our own API knows; each may stand once.
private struct ClosedQuery: Sendable {
    private let known: [String]

    init(_ specs: [InputSpec]) { known = specs.filter { $0.place == .query }.map(\.name) }

    func check(_ head: RequestHead, _ faults: inout Faults) {
        guard !head.query.isEmpty else { return }
        var seen: Set<String> = []
        for item in head.query where seen.insert(item.name).inserted {
            if !known.contains(item.name) { faults.add(.unknownField, item.name, "is not known here") }
        }
        guard seen.count < head.query.count else { return }
        for name in known where head.query.count(where: { $0.name == name }) > 1 {
            faults.add(.invalidField, name, "may be given only once")
        }
    }
}
