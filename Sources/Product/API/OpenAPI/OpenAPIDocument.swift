internal import Core
internal import Studio

/// The OpenAPI 3.1 document, made of the route table: nothing is said of a route in a second place.
enum OpenAPIDocument {
    static let version = "3.1.0"
    private static let securityScheme = "apiKey"
    private static let problemType = "application/problem+json"

    /// - Parameter services: what jobs may be of, which decides the schemas of their options.
    static func make(_ routes: [Route], services: [Service]) -> JSON {
        var components = SchemaComponents()
        OptionsWire.define(services, in: &components)
        // What a WebSocket carries stands behind no path.
        _ = JobFeedWire.schema.json(&components)
        let paths = paths(routes, &components)
        let elsewhere = problem(404, [.notFound], false, &components).value
        return [
            "openapi": .string(version),
            "info": [
                "title": "Cadenza", "version": "1",
                "description": "Audio work by jobs: submit a file, follow the job, fetch the results.",
                "license": ["name": "MIT", "identifier": "MIT"],
            ],
            "servers": [["url": "/"]],
            "tags": .array(tags(routes)),
            "paths": paths,
            "components": [
                "securitySchemes": .object([
                    JSON.Member(
                        securityScheme,
                        [
                            "type": "http", "scheme": "bearer", "bearerFormat": "ck_…",
                            "description": "An API key as `Authorization: Bearer ck_…`.",
                        ])
                ]),
                // Belongs to no operation: what every path that is not listed is answered with.
                "responses": ["NotFound": elsewhere], "schemas": components.json,
            ],
        ]
    }

    private static func tags(_ routes: [Route]) -> [JSON] {
        var names: [String] = []
        return routes.compactMap(\.group).compactMap { group in
            guard !names.contains(group.name) else { return nil }
            names.append(group.name)
            return ["name": .string(group.name), "description": .string(group.summary)]
        }
    }

    private static func paths(_ routes: [Route], _ components: inout SchemaComponents) -> JSON {
        var paths: [JSON.Member] = []
        for route in routes {
            let operation = JSON.Member(route.method.lowercased(), operation(route, &components))
            if let index = paths.firstIndex(where: { $0.name == route.path }) {
                paths[index].value = .object((paths[index].value.members ?? []) + [operation])
            } else {
                paths.append(JSON.Member(route.path, .object([operation])))
            }
        }
        return .object(paths)
    }

    private static func operation(_ route: Route, _ components: inout SchemaComponents) -> JSON {
        var members = [
            JSON.Member("operationId", .string(route.id)),
            JSON.Member("summary", .string(route.summary)),
            JSON.Member("tags", .array(route.group.map { [.string($0.name)] } ?? [])),
            JSON.Member("security", route.caller == .account ? [.object([JSON.Member(securityScheme, [])])] : []),
            JSON.Member("x-budget", .string(route.budgetName)),
        ]
        var parameters: [JSON] = []
        for input in route.inputs where input.place != .body { parameters.append(parameter(input, &components)) }
        if !parameters.isEmpty { members.append(JSON.Member("parameters", .array(parameters))) }
        if let body = route.inputs.first(where: { $0.place == .body }) {
            members.append(JSON.Member("requestBody", requestBody(body, &components)))
        }
        members.append(JSON.Member("responses", responses(route, &components)))
        return .object(members)
    }

    // MARK: Requests

    private static func parameter(_ input: InputSpec, _ components: inout SchemaComponents) -> JSON {
        [
            "name": .string(input.name), "in": .string(input.place.rawValue), "required": .bool(input.isRequired),
            "description": .string(input.summary), "schema": input.schema.json(&components),
        ]
    }

    private static func requestBody(_ input: InputSpec, _ components: inout SchemaComponents) -> JSON {
        var content = [JSON.Member("schema", input.schema.json(&components))]
        if !input.partTypes.isEmpty {
            let encoding = input.partTypes.map { JSON.Member($0.part, ["contentType": .string($0.mediaType)]) }
            content.append(JSON.Member("encoding", .object(encoding)))
        }
        return [
            "description": .string(input.summary), "required": true,
            "content": .object([JSON.Member(input.name, .object(content))]),
        ]
    }

    // MARK: Answers

    private static func responses(_ route: Route, _ components: inout SchemaComponents) -> JSON {
        var members: [JSON.Member] = []
        let isThere = AnswerSpec(status: 304, summary: "`If-None-Match: *`: something is there.")
        let isUnsaid = route.isRead && !route.answers.contains { $0.status == 101 || $0.status == 304 }
        for answer in route.answers + (isUnsaid ? [isThere] : []) {
            var answer = answer
            if route.caller == .account { answer.fields += FieldSpec.rateLimit }
            members.append(response(answer, &components))
        }
        let codes = route.problems
        for status in Set(codes.map(\.status)).sorted() {
            members.append(
                problem(status, codes.filter { $0.status == status }, Route.isFirstAPI(route.path), &components))
        }
        return .object(members.sorted { $0.name < $1.name })
    }

    private static func response(_ answer: AnswerSpec, _ components: inout SchemaComponents) -> JSON.Member {
        var members = [
            JSON.Member("description", .string(answer.summary)),
            JSON.Member("headers", headers(answer.fields, &components)),
        ]
        var content: [JSON.Member] = []
        for one in answer.content {
            var described = [JSON.Member("schema", one.schema.json(&components))]
            if let example = one.example { described.append(JSON.Member("example", example)) }
            content.append(JSON.Member(one.mediaType, .object(described)))
        }
        if !content.isEmpty { members.append(JSON.Member("content", .object(content))) }
        if !answer.links.isEmpty {
            members.append(
                JSON.Member("links", .object(answer.links.map { JSON.Member($0.operation, link($0)) })))
        }
        return JSON.Member(String(answer.status), .object(members))
    }

    private static func link(_ link: AnswerSpec.Link) -> JSON {
        let parameters = link.parameters.map { JSON.Member($0.name, .string("$response.body#\($0.pointer)")) }
        return ["operationId": .string(link.operation), "parameters": .object(parameters)]
    }

    private static func problem(
        _ status: Int, _ codes: [ProblemCode], _ isFirstAPI: Bool, _ components: inout SchemaComponents
    ) -> JSON.Member {
        var schemas = codes.map { Problem.schema($0, isFirstAPI: isFirstAPI) }
        if isFirstAPI {
            schemas += codes.filter(Problem.transportCodes.contains).map { Problem.schema($0, isFirstAPI: false) }
        }
        let schema = schemas.count == 1 ? schemas[0] : Schema.oneOf(schemas)
        let summary = codes.map { "`\($0.rawValue)`: \($0.title)." }.joined(separator: " ")
        return response(
            AnswerSpec(
                status: status, summary: summary,
                content: [AnswerSpec.Content(mediaType: problemType, schema: schema)],
                fields: Problem.fields(ofStatus: status) + [.noStore]), &components)
    }

    private static func headers(_ fields: [FieldSpec], _ components: inout SchemaComponents) -> JSON {
        let requestID = FieldSpec(name: "X-Request-Id", schema: .string, summary: "Finds the request in the log.")
        var members: [JSON.Member] = []
        for field in fields + [requestID] {
            members.append(
                JSON.Member(
                    field.name,
                    [
                        "description": .string(field.summary), "required": .bool(field.isRequired),
                        "schema": field.schema.json(&components),
                    ]))
        }
        return .object(members)
    }
}

extension Route {
    /// The budget that a request spends, as the document and the list of routes name it.
    var budgetName: String {
        switch caller {
        case .probe: "health"
        case .open: "address"
        case .account: "\(budget)"
        }
    }
}
