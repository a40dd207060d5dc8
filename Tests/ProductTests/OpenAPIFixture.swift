import Accounts
import Blobs
import Core
import Database
import HTTP
import JobQueue
import Ledger
import SQLite
import Studio
import Support
import Telemetry
import Testing
import Workers

@testable import API

/// The routes of `StudioFixture` and the document that is made of them.
struct OpenAPIFixture {
    let routes: [Route]
    let document: JSON
    let schemas: JSONSchema

    init(_ studio: StudioFixture) {
        let services = Services(
            accounts: studio.accounts, books: LedgerReader(database: studio.database, ledger: studio.ledger),
            jobs: studio.jobs, isReady: { true })
        routes = RouteTable.routes(services, limits: APILimits(), metrics: Metrics(), time: studio.time)
        document = OpenAPIDocument.make(routes, services: studio.jobs.services)
        schemas = JSONSchema(document: document)
    }

    func operation(_ route: Route) -> JSON? { document["paths"]?[route.path]?[route.method.lowercased()] }

    /// The route that a request of this method and path is answered by.
    func route(_ method: String, _ path: String) -> Route? {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        return routes.first { route in
            let pattern = route.path.split(separator: "/", omittingEmptySubsequences: false)
            return route.method == method && pattern.count == segments.count
                && zip(pattern, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
    }

    /// Everything by which an answer is not what the document says of its route.
    func faults(of answer: Answer, to method: String, _ path: String) -> [String] {
        guard let route = route(method, path) else { return ["no route for \(method) \(path)"] }
        guard let response = operation(route)?["responses"]?[String(answer.status)] else {
            return ["\(route.id): status \(answer.status) is not told of: \(answer.json.text)"]
        }
        var faults: [String] = []
        for header in response["headers"]?.members ?? [] {
            guard let text = answer.fields[header.name] else {
                if header.value["required"] == true { faults.append("\(route.id): \(header.name) is missing") }
                continue
            }
            guard let schema = header.value["schema"] else { continue }
            let isNumber = schema["type"] == "integer"
            let value = isNumber ? Int64(text).map(JSON.integer) ?? .string(text) : .string(text)
            faults += schemas.faults(in: value, by: schema, at: "\(route.id) \(header.name)")
        }
        return faults + bodyFaults(of: answer, route, response)
    }

    private func bodyFaults(of answer: Answer, _ route: Route, _ response: JSON) -> [String] {
        guard let content = response["content"]?.members else {
            return answer.bytes.isEmpty ? [] : ["\(route.id): a body that is not told of"]
        }
        let type = answer.fields["Content-Type"] ?? ""
        let kind = type.split(separator: ";").first.map(String.init) ?? ""
        guard
            let told = content.first(where: {
                $0.name == type || $0.name == kind || ($0.name.hasSuffix("/*") && kind.hasPrefix($0.name.dropLast()))
            }), let schema = told.value["schema"]
        else { return ["\(route.id): the type \(type) is not told of"] }
        switch kind {
        case "application/json", "application/problem+json":
            return schemas.faults(in: answer.json, by: schema, at: "\(route.id) \(answer.status)")
        case "text/event-stream":
            return Self.events(String(decoding: answer.bytes, as: UTF8.self)).flatMap {
                schemas.faults(in: $0, by: schema, at: "\(route.id) event")
            }
        default: return []
        }
    }

    /// The events of a stream, each as an object of its fields. What has no data is none (WHATWG HTML §9.2.6).
    private static func events(_ stream: String) -> [JSON] {
        stream.split(separator: "\n\n").map { block in
            .object(
                block.split(separator: "\n").filter { !$0.hasPrefix(":") }.map { line in
                    let halves = line.split(separator: ": ", maxSplits: 1).map(String.init)
                    return JSON.Member(halves[0], .string(halves.count > 1 ? halves[1] : ""))
                })
        }.filter { $0["data"] != nil }
    }
}
