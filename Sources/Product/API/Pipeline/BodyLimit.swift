internal import Core
internal import HTTP

/// A body that the route would not take is refused by its declared length, before a byte of it is read; one
/// of unknown length as soon as it is longer. A body in a content coding is refused: its real size is unknown. So is a
/// request without any body where the route takes one: most likely it was forgotten.
struct BodyLimit: Sendable {
    let limits: APILimits

    func admit(_ context: inout RequestContext, _ route: Route) throws(Problem) {
        let head = context.request.head
        if head.hasField("Content-Encoding"),
            !head.fields.values("Content-Encoding").allSatisfy({ $0.equalsIgnoringASCIICase("identity") })
        {
            var problem = Problem(.unsupportedMediaType, "A body must be sent without a Content-Encoding.")
            // RFC 9110 §15.5.16: what would have been taken.
            problem.fields["Accept-Encoding"] = "identity"
            throw problem
        }
        let bytesMax = route.streamsBody ? limits.uploadBytesMax : limits.jsonBytesMax
        guard let declared = context.request.body.declaredLength else {
            context.request.body = context.request.body.limited(to: bytesMax)
            return
        }
        guard declared <= bytesMax else {
            throw Problem(.contentTooLarge, "The body may have at most \(bytesMax) bytes.")
        }
        if declared == 0, route.takesBody, !head.hasField("Content-Length") {
            throw Problem(.lengthRequired, "Send the body with a Content-Length, or chunked.")
        }
    }
}

extension Route {
    /// A file that is written to disk as it arrives: up to the upload's limit, for as long as the server lets it.
    var streamsBody: Bool { budget == .submission }

    /// What asks nobody has nothing to wait for, and a streamed body may take as long as the server lets it.
    var hasDeadline: Bool { id != HealthRoutes.liveID && !streamsBody }
}
