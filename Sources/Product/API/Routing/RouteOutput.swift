internal import Core
internal import HTTP

/// A field of an answer.
struct FieldSpec: Sendable {
    var name: String
    var schema: Schema
    var summary: String
    var isRequired = true
}

/// What the document says of one status that a route answers with.
struct AnswerSpec: Sendable {
    struct Content: Sendable {
        var mediaType: String
        var schema: Schema
        var example: JSON?
    }

    /// Where the answer leads: another operation, and which of its parameters are found where in this answer.
    struct Link: Sendable {
        var operation: String
        var parameters: [(name: String, pointer: String)]
    }

    var status: Int
    var summary: String
    var content: [Content] = []
    var fields: [FieldSpec] = []
    var links: [Link] = []
}

/// A JSON value that the server answers with.
protocol JSONAnswer: Sendable {
    /// Under a name of its own.
    static var schema: Schema { get }

    var json: JSON { get }

    /// The text of `json`; a constant answer keeps it.
    var encoded: [UInt8] { get }
}

extension JSONAnswer {
    var encoded: [UInt8] { json.encoded }
}

/// An answer with a status and fields of its own.
struct Reply<Body: JSONAnswer>: Sendable {
    var status: Int
    var body: Body
    var fields: [(name: String, value: String)] = []
}

/// How what a handler returns becomes a response, and how that is documented.
struct RouteOutput<Value: Sendable>: Sendable {
    var answers: [AnswerSpec]
    /// Fields of the request that the answer heeds, such as `Range`.
    var inputs: [InputSpec] = []
    var refuses: [ProblemCode] = []
    var respond: @Sendable (Value) -> Response
}

extension RouteOutput where Value: JSONAnswer {
    /// 200 with a body.
    static func json(_ type: Value.Type, _ summary: String, leads links: [AnswerSpec.Link] = []) -> RouteOutput {
        RouteOutput(answers: [.json(type, 200, summary, leads: links)]) { .json($0.encoded) }
    }
}

extension RouteOutput {
    /// One of several answers, of which each is a `Reply` with that status.
    static func replies<Body: JSONAnswer>(_ answers: AnswerSpec...) -> RouteOutput where Value == Reply<Body> {
        RouteOutput(answers: answers) { reply in
            assert(answers.contains { $0.status == reply.status }, "a status that the route does not tell of")
            var response = Response.json(reply.body.json, status: reply.status)
            for (name, value) in reply.fields { response.fields[name] = value }
            return response
        }
    }
}

extension RouteOutput {
    /// The same, of a handler that evaluates preconditions itself.
    func heedingConditions() -> RouteOutput {
        var output = self
        output.inputs.append(.ifMatch)
        return output
    }
}

extension RouteOutput where Value == Response {
    /// The handler's own response, described.
    static func response(
        _ answers: [AnswerSpec], heeds inputs: [InputSpec] = [], refuses: [ProblemCode] = []
    ) -> RouteOutput {
        RouteOutput(answers: answers, inputs: inputs, refuses: refuses) { $0 }
    }

    /// Text that is no JSON.
    static func text(_ mediaType: String, _ summary: String, example: JSON? = nil) -> RouteOutput {
        .response([
            AnswerSpec(
                status: 200, summary: summary,
                content: [AnswerSpec.Content(mediaType: mediaType, schema: .string, example: example)])
        ])
    }
}

extension AnswerSpec {
    static func json<Body: JSONAnswer>(
        _ type: Body.Type, _ status: Int, _ summary: String, fields: [FieldSpec] = [], leads links: [Link] = []
    ) -> AnswerSpec {
        AnswerSpec(
            status: status, summary: summary,
            content: [Content(mediaType: "application/json", schema: Body.schema)],
            fields: fields + [.noStore], links: links)
    }
}

extension InputSpec {
    /// A request field that the answer heeds where it can: what it cannot read, it passes over (RFC 9110 §13, §14).
    static func heeded(_ name: String, _ summary: String, example: JSON) -> InputSpec {
        var schema = Schema.string
        schema.example = example
        return InputSpec(
            place: .header, name: name, schema: schema, isRequired: false, summary: summary, refuses: [])
    }
}
