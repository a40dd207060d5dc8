public import Core

/// What a site of files says to a request.
public enum StaticAnswer: Sendable {
    case response(Response)
    /// Nothing is at the path: 404.
    case nothing
    /// There is something, to be read only: 405.
    case readOnly
    case refused(ProblemCode, String, fields: HTTPFields)
}

/// Files under paths: the web page that is built in, or a folder.
public protocol StaticSite: Sendable {
    func answer(_ head: RequestHead) async -> StaticAnswer
}

/// One representation of a file, in one content coding: answered whole, in ranges or not at all, by its validators
/// (RFC 9110 §13, §14).
public struct StaticRepresentation: Sendable {
    public enum Content: Sendable {
        case bytes([UInt8])
        /// Sent by sendfile(2) where it can be.
        /// - Parameter read: reads a block, off the event loop.
        case file(
            any FileDescriptorOwner, byteCount: Int,
            read: @Sendable (_ offset: Int, _ count: Int) async throws -> [UInt8])

        var byteCount: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .file(_, let byteCount, _): byteCount
            }
        }
    }

    /// Bytes read at a time for an answer of several ranges.
    private static let blockBytes = 1 << 16

    public var content: Content
    public var mediaType: String
    public var validators: Validators
    /// Cache-Control, Vary, Content-Encoding: what a 304 repeats.
    public var fields: HTTPFields
    /// What stands beside the content alone, such as Content-Disposition.
    public var contentFields = HTTPFields()

    public init(content: Content, mediaType: String, validators: Validators, fields: HTTPFields) {
        self.content = content
        self.mediaType = mediaType
        self.validators = validators
        self.fields = fields
    }

    public func answer(_ head: RequestHead, now: Timestamp) -> StaticAnswer {
        var fields = fields
        if let tag = validators.entityTag { fields["ETag"] = tag.description }
        // RFC 9110 §8.8.2.1: never later than the answer, however the clock of whoever wrote the file went.
        if let modified = validators.lastModified { fields["Last-Modified"] = HTTPDate.format(min(modified, now)) }
        fields["Accept-Ranges"] = "bytes"
        switch Conditional.evaluate(head, validators: validators, now: now) {
        case .notModified: return .response(Response(status: 304, fields: fields))
        case .failed:
            return .refused(
                .preconditionFailed, "The file is not the one that the condition names.", fields: HTTPFields())
        case .proceed: break
        }
        let count = content.byteCount
        switch ByteRange.select(head, length: count, validators: validators, now: now) {
        case .whole:
            addContentFields(to: &fields)
            return .response(Response(status: 200, fields: fields, body: body(0..<count)))
        case .unsatisfiable:
            var refusal = HTTPFields()
            refusal["Content-Range"] = ByteRange.unsatisfiedContentRange(length: count)
            return .refused(.rangeNotSatisfiable, "The file has \(count) bytes.", fields: refusal)
        case .partial(let ranges) where ranges.count == 1:
            addContentFields(to: &fields)
            fields["Content-Range"] = ByteRange.contentRange(ranges[0], length: count)
            return .response(Response(status: 206, fields: fields, body: body(ranges[0])))
        case .partial(let ranges):
            return .response(multipart(ranges, fields))
        }
    }

    private func addContentFields(to fields: inout HTTPFields) {
        fields["Content-Type"] = mediaType
        for field in contentFields.all { fields.append(field.name, field.value) }
    }

    private func body(_ range: Range<Int>) -> ResponseBody {
        switch content {
        case .bytes(let bytes): .bytes(range.count == bytes.count ? bytes : Array(bytes[range]))
        case .file(let file, _, _): .file(file, offset: range.lowerBound, length: range.count)
        }
    }

    private func multipart(_ ranges: [Range<Int>], _ fields: HTTPFields) -> Response {
        let boundary = "cadenza-\(UInt64.random(in: 0...UInt64.max))-\(UInt64.random(in: 0...UInt64.max))"
        let plan = MultipartByteRanges(
            ranges: ranges, length: content.byteCount, partContentType: mediaType, boundary: boundary)
        var fields = fields
        fields["Content-Type"] = plan.contentType
        let content = content
        return Response(
            status: 206, fields: fields,
            body: .stream(length: plan.contentLength) { writer in
                for part in plan.parts {
                    try await writer.write(part.head)
                    try await Self.write(content, part.range, to: writer)
                }
                try await writer.write(plan.tail)
            })
    }

    private static func write(
        _ content: Content, _ range: Range<Int>, to writer: any ResponseWriter
    ) async throws {
        switch content {
        case .bytes(let bytes): try await writer.write(Array(bytes[range]))
        case .file(_, _, let read):
            var offset = range.lowerBound
            while offset < range.upperBound {
                let block = try await read(offset, min(blockBytes, range.upperBound - offset))
                // Shorter than it was: the connection ends unfinished, as the announced length is not reached.
                guard !block.isEmpty else { return }
                try await writer.write(block)
                offset += block.count
            }
        }
    }
}
