import Core
import HTTP

/// What the table's requests are answered by: small resources over the real router, conditions, ranges and codings.
/// An answer depends on nothing but its request, so that it is the same over a socket and without one.
enum ConformanceApp {
    static let content = "abcdefghijklmnopqrstuvwxyz"
    static let text = String(repeating: "all work and no play ", count: 40)
    static let modified = "Sun, 06 Nov 1994 08:49:37 GMT"
    static let boundary = "BOUNDARY"
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    private enum Resource {
        case plain
        case echo
        case host
        case path
        case query
        case file
        case weakFile
        case emptyFile
        case undatedFile
        case text
        case unread
        case stream
    }

    private static let router: Router<Resource> = {
        var router = Router<Resource>()
        let routes: [(String, String, Resource)] = [
            ("GET", "/", .plain), ("POST", "/echo", .echo), ("PUT", "/echo", .echo), ("PATCH", "/echo", .echo),
            ("DELETE", "/echo", .echo), ("GET", "/echo", .echo), ("GET", "/host", .host),
            ("GET", "/path/{rest...}", .path), ("GET", "/query", .query), ("GET", "/file", .file),
            ("PUT", "/file", .file), ("DELETE", "/file", .file), ("PUT", "/none", .file), ("GET", "/weak", .weakFile),
            ("GET", "/empty", .emptyFile), ("GET", "/undated", .undatedFile), ("GET", "/text", .text),
            ("POST", "/unread", .unread), ("GET", "/stream", .stream),
        ]
        do {
            for (method, path, resource) in routes { try router.add(method, path, resource) }
        } catch {
            preconditionFailure("\(error)")
        }
        return router
    }()

    @Sendable static func respond(_ request: Request) async -> Response {
        var body: Result<[UInt8], BodyError> = .success([])
        if readsBody(request.head) {
            do throws(BodyError) {
                body = .success(try await request.body.collect(bytesMax: 1 << 20))
            } catch {
                body = .failure(error)
            }
        }
        return answer(request.head, body)
    }

    /// What is refused by its head is refused without a look at the content.
    static func readsBody(_ head: RequestHead) -> Bool {
        guard case .found(let match) = router.match(method: head.method, path: head.path) else { return false }
        return match.value != .unread
    }

    static func answer(_ head: RequestHead, _ body: Result<[UInt8], BodyError>) -> Response {
        switch router.match(method: head.method, path: head.path) {
        case .found(let match):
            switch body {
            case .success(let bytes): return answer(head, match, bytes)
            case .failure(.tooLarge): return Response(status: 413)
            case .failure(.timeout): return Response(status: 408)
            case .failure(.malformedChunk), .failure(.disconnected): return Response(status: 400)
            }
        case .methodNotAllowed(let allowed): return unrouted(head.method, allowed)
        case .notFound: return unrouted(head.method, head.path == "*" ? MethodPolicy.implemented : [])
        }
    }

    private static func unrouted(_ method: String, _ allowed: [String]) -> Response {
        switch MethodPolicy(method: method, allowed: allowed) {
        case .notImplemented: Response(status: 501)
        case _ where allowed.isEmpty: Response(status: 404)
        case .notAllowed(let allow): Response(status: 405, fields: fields(["Allow": allow]))
        case .options(let allow): Response(status: 204, fields: fields(["Allow": allow]))
        }
    }

    private static func answer(_ head: RequestHead, _ match: Router<Resource>.Match, _ body: [UInt8]) -> Response {
        switch match.value {
        case .plain: return plain("ok")
        case .echo: return Response(status: 200, body: .bytes(body))
        case .host: return plain(head.fields["Host"] ?? "none")
        case .path: return plain(head.path)
        case .query: return plain(head.query.map { "\($0.name)=\($0.value)" }.joined(separator: "|"))
        case .text: return coded(head)
        case .unread: return plain("unread")
        case .stream:
            return Response(
                status: 200, body: .stream(length: nil) { writer in try await writer.write(Array("stream".utf8)) })
        case .file, .weakFile, .emptyFile, .undatedFile: return stored(head, match.value)
        }
    }

    private static func stored(_ head: RequestHead, _ resource: Resource) -> Response {
        let bytes = resource == .emptyFile ? [] : Array(content.utf8)
        var validators = Validators(
            entityTag: EntityTag("v1", isWeak: resource == .weakFile), lastModified: HTTPDate.parse(modified, now: now))
        if resource == .undatedFile { validators = Validators() }
        var known = fields(["Accept-Ranges": "bytes"])
        known["ETag"] = validators.entityTag?.description
        known["Last-Modified"] = validators.lastModified.map(HTTPDate.format)
        let current = head.path == "/none" ? nil : validators
        switch Conditional.evaluate(head, validators: current, now: now) {
        case .notModified: return Response(status: 304, fields: known)
        case .failed: return Response(status: 412)
        case .proceed: break
        }
        guard head.method == "GET" || head.method == "HEAD" else { return Response(status: 204) }
        switch ByteRange.select(head, length: bytes.count, validators: validators, now: now) {
        case .whole: return Response(status: 200, fields: known, body: .bytes(bytes))
        case .unsatisfiable:
            known["Content-Range"] = ByteRange.unsatisfiedContentRange(length: bytes.count)
            return Response(status: 416, fields: known)
        case .partial(let ranges) where ranges.count == 1:
            known["Content-Range"] = ByteRange.contentRange(ranges[0], length: bytes.count)
            return Response(status: 206, fields: known, body: .bytes(Array(bytes[ranges[0]])))
        case .partial(let ranges):
            let plan = MultipartByteRanges(
                ranges: ranges, length: bytes.count, partContentType: "text/plain", boundary: boundary)
            known["Content-Type"] = plan.contentType
            let all = plan.parts.flatMap { $0.head + bytes[$0.range] } + plan.tail
            return Response(status: 206, fields: known, body: .bytes(all))
        }
    }

    private static func coded(_ head: RequestHead) -> Response {
        var known = fields(["Vary": "Accept-Encoding"])
        switch ContentCoding.negotiate(head.fields, available: [.gzip]) {
        case .notAcceptable: return Response(status: 406, fields: known)
        case .identity: return Response(status: 200, fields: known, body: .bytes(Array(text.utf8)))
        case .gzip:
            known["Content-Encoding"] = "gzip"
            return Response(status: 200, fields: known, body: .bytes(gzip(Array(text.utf8))))
        }
    }

    private static func plain(_ text: String) -> Response {
        Response(status: 200, fields: fields(["Content-Type": "text/plain"]), body: .bytes(Array(text.utf8)))
    }

    private static func fields(_ pairs: [String: String]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in pairs { fields[name] = value }
        return fields
    }
}
