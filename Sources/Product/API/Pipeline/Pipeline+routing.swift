internal import Core
internal import HTTP

/// Where a request belongs: to a route, to the page's files, or to the question what is there.
extension Pipeline {
    enum Destination {
        case route(Route)
        /// `OPTIONS` where no route has it.
        case options
        /// - Parameter allowed: the methods of the route at the path; empty if there is none.
        case elsewhere(allowed: [String])
    }

    func find(_ context: inout RequestContext) -> Destination {
        let head = context.request.head
        switch router.match(method: head.method, path: head.path) {
        case .found(let match):
            context.parameters = match.parameters
            return .route(match.value)
        case .methodNotAllowed(let allowed):
            return head.method == "OPTIONS" ? .options : .elsewhere(allowed: Self.allowed(Set(allowed)))
        case .notFound: return head.method == "OPTIONS" ? .options : .elsewhere(allowed: [])
        }
    }

    static func allowed(_ methods: Set<String>) -> [String] {
        methods.union(methods.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"]).sorted()
    }

    /// RFC 9110 §9.3.7. Counted with the page's files: a browser asks before every kind of request of a page.
    func answerOptions(_ context: RequestContext) async throws(Problem) -> Response {
        try addressLimit.admitFile(context.request)
        let path = context.request.head.path
        if path == "*" { return crossOrigin.answer(allowed: methods, context) }
        if case .methodNotAllowed(let allowed) = router.match(method: "OPTIONS", path: path) {
            return crossOrigin.answer(allowed: Self.allowed(Set(allowed)), context)
        }
        var probe = context.request.head
        probe.method = "HEAD"
        if let site = options.site, case .response = await site.answer(probe) {
            return crossOrigin.answer(allowed: Self.allowed(["GET"]), context)
        }
        try addressLimit.admit(.open, context.request)
        throw Self.notFound
    }

    /// A file of the page, else a refusal.
    func answerSite(_ context: inout RequestContext, allowed: [String]) async throws(Problem) -> Response {
        if allowed.isEmpty, let site = options.site {
            try addressLimit.admitFile(context.request)
            switch await site.answer(context.request.head) {
            case .response(let response):
                context.isPage = true
                return response
            case .refused(let code, let detail, let fields):
                var problem = Problem(code, detail)
                problem.fields = fields
                throw problem
            case .readOnly: throw Self.notAllowed(Self.allowed(["GET"]), context)
            case .nothing: break
            }
        }
        // Whoever asks for what is not there asks without a credential.
        try addressLimit.admit(.open, context.request)
        throw allowed.isEmpty ? Self.notFound : Self.notAllowed(allowed, context)
    }

    private static var notFound: Problem { Problem(.notFound, "There is nothing at this path.") }

    private static func notAllowed(_ allowed: [String], _ context: RequestContext) -> Problem {
        let methods = allowed.joined(separator: ", ")
        var problem = Problem(.methodNotAllowed, "\(context.request.head.path) answers \(methods).")
        problem.fields["Allow"] = methods
        return problem
    }
}
