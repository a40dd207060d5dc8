internal import Core
internal import HTTP

/// A stored result as an answer: whole or in ranges, by its validators (RFC 9110 §13, §14).
struct FileResponse: Sendable {
    let file: OpenFile
    /// Names this content and no other.
    let etag: String
    let mediaType: String
    let fileName: String

    /// - Parameter read: reads a block of the file, off the event loop.
    func answer(
        _ head: RequestHead, now: Timestamp,
        read: @escaping @Sendable (_ offset: Int, _ count: Int) async throws -> [UInt8]
    ) throws(Problem) -> Response {
        var fields = HTTPFields()
        fields["Cache-Control"] = "private, no-cache"
        var representation = StaticRepresentation(
            content: .file(file, byteCount: file.byteCount, read: read), mediaType: mediaType,
            validators: Validators(entityTag: EntityTag(etag)), fields: fields)
        representation.contentFields["Content-Disposition"] = "attachment; filename=\"\(fileName)\""
        return try representation.answer(head, now: now).response()
    }
}

extension StaticAnswer {
    /// The answer of what is there; what is not, and what is only to be read, is the caller's to refuse.
    func response() throws(Problem) -> Response {
        switch self {
        case .response(let response): return response
        case .refused(let code, let detail, let fields):
            var problem = Problem(code, detail)
            problem.fields = fields
            throw problem
        case .nothing, .readOnly: throw Problem(.notFound, "There is nothing at this path.")
        }
    }
}
