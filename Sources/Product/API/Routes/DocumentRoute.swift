internal import Core
internal import HTTP
internal import Secrets
internal import Studio

/// `GET /openapi.json`: the document is made once, of the table that it stands in.
struct DocumentRoute: Sendable {
    private let bytes: [UInt8]
    private let entityTag: EntityTag

    private init(_ document: JSON) {
        bytes = document.encoded
        entityTag = EntityTag(Hexadecimal.encode(SHA256.hash(of: bytes)))
    }

    /// The route that tells of `routes` and of itself.
    static func route(of routes: [Route], services: [Service]) -> Route {
        // What it says of itself does not depend on its handler.
        let itself = route { _ throws(Problem) in Response(status: 500) }
        let document = DocumentRoute(OpenAPIDocument.make(routes + [itself], services: services))
        return route(document.show)
    }

    private static func route(
        _ handler: @escaping @Sendable (RequestContext) throws(Problem) -> Response
    ) -> Route {
        RouteGroup.server(
            Route(
                "GET", "/openapi.json", .open, "getDocument", "This document",
                answers: .response(
                    [
                        AnswerSpec(
                            status: 200, summary: "OpenAPI 3.1.",
                            content: [
                                AnswerSpec.Content(mediaType: "application/json", schema: OpenAPIDocument.schema)
                            ], fields: [.entityTag, cache]),
                        AnswerSpec(
                            status: 304, summary: "What the client has is still right.", fields: [.entityTag, cache]),
                    ], heeds: InputSpec.validators, refuses: [.preconditionFailed]), atOnce: handler))[0]
    }

    private static let cache = FieldSpec(
        name: "Cache-Control", schema: .constant("public, max-age=300"), summary: "Kept for five minutes.")

    private func show(_ context: RequestContext) throws(Problem) -> Response {
        var response = Response(status: 200, body: .bytes(bytes))
        let outcome = Conditional.evaluate(
            context.request.head, validators: Validators(entityTag: entityTag), now: Timestamp(milliseconds: 0))
        switch outcome {
        case .proceed: response.fields["Content-Type"] = "application/json"
        case .notModified: response = Response(status: 304)
        case .failed: throw Problem(.preconditionFailed, "The document is not the one that the condition names.")
        }
        response.fields["ETag"] = entityTag.description
        response.fields["Cache-Control"] = "public, max-age=300"
        return response
    }
}
