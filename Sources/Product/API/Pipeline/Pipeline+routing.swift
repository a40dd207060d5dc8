internal import Core
internal import HTTP

/// Where a request belongs: to a route, to the page's files, or to the question what is there.
extension Pipeline {
    enum Destination {
        case route(RouteReference)
        /// - Parameter allowed: the methods of the routes at the path; empty if there is none.
        case elsewhere(allowed: [String])
    }

    /// A route that is found is not copied: it has a dozen parts.
    final class RouteReference: Sendable {
        let route: Route

        init(_ route: Route) { self.route = route }
    }

    func find(_ context: inout RequestContext) -> Destination {
        let head = context.request.head
        switch router.match(method: head.method, path: head.path) {
        case .found(let match):
            context.parameters = match.parameters
            if !match.value.route.isRead, case .found = router.match(method: "GET", path: head.path) {
                context.isReadable = true
            }
            return .route(match.value)
        case .methodNotAllowed(let allowed): return .elsewhere(allowed: allowed)
        case .notFound: return .elsewhere(allowed: head.path == "*" ? MethodPolicy.implemented : [])
        }
    }

    /// A file of the page, what OPTIONS asks for, or a refusal.
    func answerElsewhere(_ context: inout RequestContext, allowed: [String]) async throws(Problem) -> Response {
        let method = context.request.head.method
        guard MethodPolicy(method: method, allowed: allowed) != .notImplemented else {
            try addressLimit.admit(.open, context.request.remoteSubscriber)
            throw Problem(.notImplemented, "No resource here knows the method.")
        }
        var allowed = allowed
        if allowed.isEmpty, let site = options.site {
            try addressLimit.admitFile(context.request.remoteSubscriber)
            switch await site.answer(context.request.head) {
            case .nothing: break
            case .readOnly: allowed = ["GET", "HEAD"]
            case let answer:
                let response = try answer.response()
                try compression.admit(
                    context.request.head, inGzip: response.status == 304 || response.fields["Content-Encoding"] != nil)
                context.isPage = true
                return response
            }
        } else if method == "OPTIONS" {
            // With the page's files: a browser asks before every kind of request of a page of another origin.
            try addressLimit.admitFile(context.request.remoteSubscriber)
        }
        if !allowed.isEmpty, case .options(let allow) = MethodPolicy(method: method, allowed: allowed) {
            return crossOrigin.answer(allow: allow, context)
        }
        // Whoever asks for what is not there asks without a credential.
        try addressLimit.admit(.open, context.request.remoteSubscriber)
        guard !allowed.isEmpty, case .notAllowed(let allow) = MethodPolicy(method: method, allowed: allowed) else {
            throw Problem(.notFound, "There is nothing at this path.")
        }
        var problem = Problem(.methodNotAllowed, "\(context.request.head.path) answers \(allow).")
        problem.fields["Allow"] = allow
        throw problem
    }
}
