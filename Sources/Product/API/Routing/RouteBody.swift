internal import Core
internal import HTTP

/// A JSON object that a client sends.
protocol JSONBody: Sendable {
    /// An object, under a name of its own.
    static var schema: Schema { get }

    /// - Parameter body: what the schema has no fault with.
    init(_ body: JSON) throws(Problem)
}

extension RouteInput where Value: JSONBody {
    /// The body, `application/json`, of at most `bytesMax` bytes.
    static func json(_ type: Value.Type, bytesMax: Int) -> RouteInput {
        let spec = InputSpec(
            place: .body, name: "application/json", schema: Value.schema, isRequired: true,
            summary: "At most \(bytesMax) bytes.",
            refuses: [
                .invalidJSON, .unknownField, .missingField, .invalidField, .lengthRequired, .contentTooLarge,
                .unsupportedMediaType,
            ])
        let schema = Value.schema
        return RouteInput(spec: spec) { context, faults in
            do throws(Problem) {
                let body = try await context.jsonObject(bytesMax: bytesMax)
                let found = schema.faults(in: body, at: "")
                faults.add(found)
                return found.isEmpty ? try Value(body) : nil
            } catch {
                faults.give(up: error)
                return nil
            }
        }
    }
}

/// A form that the handler reads as it comes: nothing of it has been looked at.
struct FormBody: Sendable {
    fileprivate let request: Request

    var declaredLength: Int? { request.body.declaredLength }

    /// - Throws: `unsupportedMediaType` unless the body is a form with a boundary.
    func open() throws(Problem) -> MultipartReader {
        do {
            return try MultipartReader(request)
        } catch {
            throw Problem(error)
        }
    }
}

extension RouteInput where Value == FormBody {
    /// The body, `multipart/form-data`, with these parts, each once.
    /// - Parameter types: the media types of the parts that are no plain text.
    static func form(
        _ schema: Schema, _ summary: String, types: [(part: String, mediaType: String)]
    ) -> RouteInput {
        let spec = InputSpec(
            place: .body, name: "multipart/form-data", schema: schema, isRequired: true, summary: summary,
            refuses: [
                .invalidMultipart, .unknownField, .missingField, .invalidField, .lengthRequired,
                .contentTooLarge, .unsupportedMediaType,
            ], partTypes: types)
        return RouteInput(spec: spec) { context, _ in FormBody(request: context.request) }
    }
}

extension RequestContext {
    /// The body as a JSON object.
    fileprivate func jsonObject(bytesMax: Int) async throws(Problem) -> JSON {
        let types = request.head.fields.values("Content-Type")
        guard types.count == 1, let type = MediaType(types[0]), type.essence == "application/json" else {
            throw Problem(.unsupportedMediaType, "The body must be application/json.")
        }
        // RFC 8259 §11 defines no such parameter, and §8.1 no other charset.
        guard type.parameter("charset")?.equalsIgnoringASCIICase("utf-8") ?? true else {
            throw Problem(.unsupportedMediaType, "JSON is sent in UTF-8.")
        }
        let bytes: [UInt8]
        do { bytes = try await request.body.collect(bytesMax: bytesMax) } catch { throw Problem(error) }
        let body: JSON
        do { body = try JSONParser.parse(bytes, bytesMax: bytesMax) } catch { throw Problem(error) }
        guard body.members != nil else { throw Problem(.invalidJSON, "The body must be a JSON object.") }
        return body
    }
}
