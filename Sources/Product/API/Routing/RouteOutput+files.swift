internal import Core
internal import HTTP

extension FieldSpec {
    static let noStore = FieldSpec(name: "Cache-Control", schema: .constant("no-store"), summary: "Kept by no cache.")
    /// draft-ietf-httpapi-ratelimit-headers-10.
    static let rateLimit = [
        FieldSpec(
            name: "RateLimit", schema: .string, summary: "What is left of the budget, and until when.",
            isRequired: false),
        FieldSpec(name: "RateLimit-Policy", schema: .string, summary: "The budget.", isRequired: false),
    ]
    static let location = FieldSpec(name: "Location", schema: .string(format: "uri-reference"), summary: "Where it is.")
    static let contentDisposition = FieldSpec(
        name: "Content-Disposition", schema: .string, summary: "An attachment with the file's name.")
    static let privateCache = FieldSpec(
        name: "Cache-Control", schema: .constant("private, no-cache"),
        summary: "Kept by its owner, and asked for again.")
    static let entityTag = FieldSpec(name: "ETag", schema: .string, summary: "Names this content and no other.")
    static let acceptRanges = FieldSpec(
        name: "Accept-Ranges", schema: .constant("bytes"), summary: "Ranges of bytes can be asked for.")
    static let contentRange = FieldSpec(
        name: "Content-Range", schema: .string, summary: "Which bytes, of how many; not with several ranges.",
        isRequired: false)
}

extension InputSpec {
    /// Of what `Conditional` heeds in a request for something with an entity tag, what a client saves bytes by.
    static let validators: [InputSpec] = [
        .heeded("If-None-Match", "Entity tags; 304 if the content has one of them.", example: "\"x\"")
    ]
    static let ifMatch = InputSpec.heeded(
        "If-Match", "`*`, or entity tags; 412 unless what is here is one of them.", example: "*")
    static let ranges: [InputSpec] = [
        .heeded("Range", "`bytes=0-99`, or several ranges; answered 206.", example: "bytes=0-99"),
        .heeded("If-Range", "An entity tag; the range holds only for this content.", example: "\"x\""),
    ]
}

extension RouteOutput where Value == Response {
    /// What `FileResponse` answers, whole or in ranges, by its validators.
    static func file(_ mediaType: String, _ summary: String) -> RouteOutput {
        let binary = Schema.string(format: "binary")
        let whole = AnswerSpec.Content(mediaType: mediaType, schema: binary)
        let fields: [FieldSpec] = [.entityTag, .acceptRanges, .privateCache]
        return .response(
            [
                AnswerSpec(status: 200, summary: summary, content: [whole], fields: fields + [.contentDisposition]),
                AnswerSpec(
                    status: 206, summary: "The ranges that were asked for.",
                    content: [whole, AnswerSpec.Content(mediaType: "multipart/byteranges", schema: binary)],
                    fields: fields + [.contentRange]),
                AnswerSpec(status: 304, summary: "What the client has is still right.", fields: fields),
            ], heeds: InputSpec.ranges + InputSpec.validators, refuses: [.rangeNotSatisfiable, .preconditionFailed])
    }
}
