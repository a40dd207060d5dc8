import Accounts
import Core
import HTTP
import Studio
import Support
import Synchronization
import Testing

@testable import API

/// How a route reads its inputs, and what it says of them.
struct RouteTests {
    private struct Body: JSONBody {
        static let schema = Schema.object([
            .required("name", .string(1...3)), .optional("count", .integer(1...9)),
            .optional("tags", .list(of: .choice(["a", "b"]), 0...2, isSet: true)),
            .optional("inner", .object([.required("x", .number(0...1))])),
        ])
        var name: String

        init(_ body: JSON) { name = body["name"]?.string ?? "" }
    }

    private struct Echo: JSONAnswer {
        static let schema = Schema.object([.required("name", .string)])
        var name: String
        var json: JSON { ["name": .string(name)] }
    }

    private static let body = Route(
        "POST", "/api/v1/things", .open, "makeThing", "Make a thing",
        takes: .query("limit", 1...5, default: 2, "A limit."), .json(Body.self, bytesMax: 100),
        answers: .json(Echo.self, "The thing.")
    ) { (_: RequestContext, limit: Int, body: Body) async throws(Problem) in Echo(name: "\(body.name)\(limit)") }

    private static func send(
        _ route: Route, _ text: String, type: String = "application/json", query: [QueryItem] = [],
        fields: [(String, String)] = [], parameters: [String: String] = [:],
        admit: @escaping Route.Admission = {}
    ) async throws(Problem) -> Response {
        var head = RequestHead(method: route.method, target: route.path, path: route.path, query: query)
        head.fields.append("Content-Type", type)
        for (name, value) in fields { head.fields.append(name, value) }
        var context = RequestContext(
            request: Request(head: head, body: RequestBody(oneByteAtATime: Array(text.utf8))),
            id: RequestID(at: Timestamp(milliseconds: 0)))
        context.parameters = parameters
        return try await route.respond(to: context, admit: admit)
    }

    private static func problem(
        _ route: Route, _ text: String = "", type: String = "application/json", query: [QueryItem] = [],
        fields: [(String, String)] = [], parameters: [String: String] = [:],
        admit: @escaping Route.Admission = {}
    ) async throws -> Problem {
        do {
            _ = try await send(
                route, text, type: type, query: query, fields: fields, parameters: parameters, admit: admit)
        } catch {
            return error
        }
        throw NotRefused()
    }
    private struct NotRefused: Error {}

    @Test func `what is read is what the handler gets, and what it returns is the answer`() async throws {
        let response = try await Answer(
            try await Self.send(Self.body, "{\"name\":\"n\"}", query: [QueryItem("limit", "5")]))
        #expect(response.status == 200)
        #expect(response.json == ["name": "n5"])
        #expect(
            try await Answer(try await Self.send(Self.body, "{\"name\":\"n\",\"count\":null}")).json["name"] == "n2")
    }

    @Test func `every fault of a request is told at once, each by its field`() async throws {
        let problem = try await Self.problem(
            Self.body, "{\"count\":0,\"tags\":[\"a\",\"c\"],\"inner\":{\"x\":2,\"y\":1},\"more\":1}",
            query: [QueryItem("limit", "6"), QueryItem("page", "1")])
        #expect(problem.code == .unknownField)
        #expect(
            problem.errors.map { "\($0.field) \($0.detail)" } == [
                "page is not known here", "limit must be a whole number from 1 to 5", "more is not known here",
                "name is required", "count must be a whole number from 1 to 9", "tags[1] must be one of a, b",
                "inner.y is not known here", "inner.x must be a number from 0 to 1",
            ])
    }

    @Test(arguments: [
        ("{\"name\":\"four\"}", ProblemCode.invalidField), ("{\"name\":\"\"}", .invalidField),
        ("{\"name\":null}", .missingField), ("{\"name\":1}", .invalidField),
        ("{\"name\":\"n\",\"count\":1.5}", .invalidField),
        ("{\"name\":\"n\",\"count\":true}", .invalidField), ("{\"name\":\"n\",\"tags\":[\"a\",\"a\"]}", .invalidField),
        ("{\"name\":\"n\",\"tags\":\"a\"}", .invalidField), ("{\"name\":\"n\",\"inner\":[]}", .invalidField),
        ("[]", .invalidJSON), ("{", .invalidJSON), ("", .invalidJSON),
        ("{\"name\":\"n\",\"name\":\"n\"}", .invalidJSON),
    ])
    func `a body is refused where its schema says so`(text: String, code: ProblemCode) async throws {
        #expect(try await Self.problem(Self.body, text).code == code, "\(text)")
    }

    @Test func `a body of another type, of two types or of too many bytes is refused`() async throws {
        #expect(try await Self.problem(Self.body, "{}", type: "application/jsonx").code == .unsupportedMediaType)
        #expect(
            try await Self.problem(Self.body, "{}", fields: [("Content-Type", "application/json")]).code
                == .unsupportedMediaType)
        #expect(
            try await Answer(
                try await Self.send(Self.body, "{\"name\":\"n\"}", type: "Application/JSON; charset=utf-8")
            )
            .status == 200)
        let long = "{\"name\":\"n\"" + String(repeating: " ", count: 100) + "}"
        #expect(try await Self.problem(Self.body, long).code == .contentTooLarge)
    }

    @Test(arguments: ["0", "6", "+2", "2.0", "", " 2", "two", "99999999999999999999"])
    func `a query parameter out of its range is refused by name`(text: String) async throws {
        let problem = try await Self.problem(Self.body, "{\"name\":\"n\"}", query: [QueryItem("limit", text)])
        #expect(problem.code == .invalidField)
        #expect(problem.errors.map(\.field) == ["limit"])
    }

    @Test func `our own API refuses unknown and repeated query parameters, the first API passes them over`()
        async throws
    {
        let items = [QueryItem("limit", "2"), QueryItem("limit", "2")]
        let repeated = try await Self.problem(Self.body, "{\"name\":\"n\"}", query: items)
        #expect(repeated.errors.map { "\($0.field) \($0.detail)" } == ["limit may be given only once"])
        let first = Route(
            "GET", "/api/things", .open, "getThing", "A thing", answers: .json(Echo.self, "It.")
        ) { (_: RequestContext) async throws(Problem) in Echo(name: "n") }
        #expect(try await Self.send(first, "", query: [QueryItem("x", "1")]).status == 200)
    }

    @Test func `a field of the request that stands twice or breaks its form is refused by name`() async throws {
        let route = Route(
            "GET", "/api/v1/things", .open, "getThings", "Things",
            takes: .header("Key", length: 1...3, "A key."), .header("Last", 0...9, "The last."),
            answers: .json(Echo.self, "It.")
        ) { (_: RequestContext, key: String?, last: Int?) async throws(Problem) in
            Echo(name: "\(key ?? "-")\(last ?? -1)")
        }
        let given = try await Answer(try await Self.send(route, "", fields: [("Key", "k"), ("Last", "3")]))
        #expect(given.json["name"] == "k3")
        #expect(try await Answer(try await Self.send(route, "")).json["name"] == "--1")
        let problem = try await Self.problem(
            route, fields: [("Key", "k"), ("Key", "k"), ("Last", "10")])
        #expect(problem.errors.map(\.field) == ["Key", "Last"])
        for key in ["", "four", "é"] {
            #expect(try await Self.problem(route, fields: [("Key", key)]).errors.map(\.field) == ["Key"], "\(key)")
        }
    }

    @Test func `what is malformed is told before the budget, what is not there after it, and both are counted`()
        async throws
    {
        let counted = Mutex(0)
        let spent: Route.Admission = { () throws(Problem) in
            counted.withLock { $0 += 1 }
            throw Problem(.tooManyRequests, "Enough.")
        }
        #expect(try await Self.problem(Self.body, "{}", admit: spent).code == .missingField)
        #expect(counted.withLock(\.self) == 1)
        #expect(try await Self.problem(Self.body, "{\"name\":\"n\"}", admit: spent).code == .tooManyRequests)
        let absent = Route(
            "GET", "/api/v1/jobs/{id}", .account, "get", "A job", takes: .path("id", JobID.self, "Its id."),
            answers: .json(Echo.self, "It.")
        ) { (_: RequestContext, _: JobID) async throws(Problem) in Echo(name: "n") }
        #expect(try await Self.problem(absent, parameters: ["id": "x"], admit: spent).code == .tooManyRequests)
        #expect(try await Self.problem(absent, parameters: ["id": "x"]).code == .jobNotFound)
        #expect(counted.withLock(\.self) == 3)
    }

    @Test func `a malformed request counts against the account's budget`() async throws {
        var limits = APILimits()
        limits.requestsPerMinute = 2
        let api = try await PipelineFixture(limits: limits)
        for _ in 1...3 { #expect(try await api.send("GET", "/api/v1/jobs?limit=x").status == 400) }
        #expect(try await api.send("GET", "/api/v1/jobs").status == 429)
        #expect(try await api.send("GET", "/api/v1/jobs?limit=x").status == 400)
        #expect(try await api.send("GET", "/api/v1/jobs/job_0").status == 429)
        #expect(try await api.send("GET", "/api/v1/jobs?limit=x", token: "ck_wrong").status == 401)
    }
}
