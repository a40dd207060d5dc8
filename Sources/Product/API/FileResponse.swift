internal import Core
internal import HTTP

/// A stored file as an answer: whole or in ranges, by its validators (RFC 9110 §13, §14).
struct FileResponse: Sendable {
    /// Bytes read at a time for an answer of several ranges; a single one is sent without being read.
    private static let blockBytes = 1 << 16

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
        let validators = Validators(entityTag: EntityTag(etag))
        switch Conditional.evaluate(head, validators: validators, now: now) {
        case .notModified: return Response(status: 304, fields: fields)
        case .failed: throw Problem(.preconditionFailed, "The file is not the one that the condition names.")
        case .proceed: break
        }
        switch ByteRange.select(head, length: file.byteCount, validators: validators, now: now) {
        case .whole:
            return Response(
                status: 200, fields: typedFields, body: .file(file, offset: 0, length: file.byteCount))
        case .unsatisfiable:
            var problem = Problem(.rangeNotSatisfiable, "The file has \(file.byteCount) bytes.")
            problem.fields["Content-Range"] = ByteRange.unsatisfiedContentRange(length: file.byteCount)
            throw problem
        case .partial(let ranges) where ranges.count == 1:
            var fields = typedFields
            fields["Content-Range"] = ByteRange.contentRange(ranges[0], length: file.byteCount)
            return Response(
                status: 206, fields: fields,
                body: .file(file, offset: ranges[0].lowerBound, length: ranges[0].count))
        case .partial(let ranges):
            return multipart(ranges, read: read)
        }
    }

    private func multipart(
        _ ranges: [Range<Int>], read: @escaping @Sendable (_ offset: Int, _ count: Int) async throws -> [UInt8]
    ) -> Response {
        let boundary = "cadenza-\(UInt64.random(in: 0...UInt64.max))-\(UInt64.random(in: 0...UInt64.max))"
        let plan = MultipartByteRanges(
            ranges: ranges, length: file.byteCount, partContentType: mediaType, boundary: boundary)
        var fields = fields
        fields["Content-Type"] = plan.contentType
        return Response(
            status: 206, fields: fields,
            body: .stream(length: plan.contentLength) { writer in
                for part in plan.parts {
                    try await writer.write(part.head)
                    var offset = part.range.lowerBound
                    while offset < part.range.upperBound {
                        let block = try await read(offset, min(Self.blockBytes, part.range.upperBound - offset))
                        guard !block.isEmpty else { throw Problem(.internalError, Problem.internalDetail) }
                        try await writer.write(block)
                        offset += block.count
                    }
                }
                try await writer.write(plan.tail)
            })
    }

    private var fields: HTTPFields {
        var fields = HTTPFields()
        fields["ETag"] = EntityTag(etag).description
        fields["Accept-Ranges"] = "bytes"
        fields["Cache-Control"] = "private, no-cache"
        return fields
    }

    private var typedFields: HTTPFields {
        var fields = fields
        fields["Content-Type"] = mediaType
        fields["Content-Disposition"] = "attachment; filename=\"\(fileName)\""
        return fields
    }
}
