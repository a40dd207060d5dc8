import Core
import HTTP
import Support
import Testing

@testable import API

struct OpenAPIDocumentTests {
    @Test func `every route stands in the document, with every status and code that it may answer`() async throws {
        let api = OpenAPIFixture(try await StudioFixture())
        let told = api.document["paths"]?.members?.map { $0.value.members?.count ?? 0 }.reduce(0, +)
        #expect(told == api.routes.count)
        for route in api.routes {
            let operation = try #require(api.operation(route), "\(route.id)")
            #expect(operation["operationId"]?.string == route.id)
            #expect(operation["summary"]?.string == route.summary)
            let responses = try #require(operation["responses"])
            for answer in route.answers { #expect(responses[String(answer.status)] != nil, "\(route.id)") }
            for code in route.problems {
                let text = try #require(responses[String(code.status)], "\(route.id) \(code)").text
                #expect(text.contains("`\(code.rawValue)`"), "\(route.id) \(code)")
            }
        }
    }

    @Test func `every problem code stands in the document`() async throws {
        let api = OpenAPIFixture(try await StudioFixture())
        var told: Set<String> = []
        for (_, schema) in Self.schemas(in: api.document) {
            if let code = schema["properties"]?["code"]?["const"]?.string { told.insert(code) }
        }
        // What a job fails with is told in the job.
        let failures = api.schemas.resolve("#/components/schemas/JobFailureCode")?["enum"]?.array ?? []
        told.formUnion(failures.compactMap(\.string))
        let missing = ProblemCode.allCases.filter { !told.contains($0.rawValue) }
        let speaksWebSocket = api.routes.contains { $0.answers.contains { $0.status == 101 } }
        #expect(missing == (speaksWebSocket ? [] : [.upgradeRequired]))
    }

    @Test func `no schema is open`() async throws {
        let api = OpenAPIFixture(try await StudioFixture())
        let all = Self.schemas(in: api.document)
        #expect(all.count > 100)
        for (place, schema) in all {
            let names = Set(schema.members?.map(\.name) ?? [])
            #expect(
                !names.isDisjoint(with: ["type", "$ref", "const", "enum", "oneOf", "anyOf"]), "\(place) is anything")
            let isObject = schema["type"] == "object" || schema["type"]?.array?.contains("object") == true
            if isObject { #expect(schema["additionalProperties"] == false, "\(place) is open") }
            let isArray = schema["type"] == "array" || schema["type"]?.array?.contains("array") == true
            if isArray { #expect(schema["items"] != nil, "\(place) is open") }
        }
    }

    @Test func `every reference and every link leads somewhere, and operations have names of their own`() async throws {
        let api = OpenAPIFixture(try await StudioFixture())
        for (place, schema) in Self.schemas(in: api.document) {
            if let reference = schema["$ref"]?.string { #expect(api.schemas.resolve(reference) != nil, "\(place)") }
        }
        #expect(Set(api.routes.map(\.id)).count == api.routes.count)
        for route in api.routes {
            for link in route.answers.flatMap(\.links) {
                let target = try #require(api.routes.first { $0.id == link.operation })
                for parameter in link.parameters {
                    #expect(target.inputs.contains { $0.name == parameter.name }, "\(route.id) → \(link.operation)")
                }
            }
        }
    }

    @Test func `guarded routes ask for a key, the others do not`() async throws {
        let api = OpenAPIFixture(try await StudioFixture())
        for route in api.routes {
            let security = api.operation(route)?["security"]
            #expect(security == (route.caller == .account ? [["apiKey": []]] : []), "\(route.id)")
            #expect(route.problems.contains(.unauthenticated) == (route.caller == .account))
            #expect(route.problems.contains(.tooManyRequests))
        }
        #expect(api.document["components"]?["securitySchemes"]?["apiKey"]?["scheme"] == "bearer")
    }

    @Test func `the path's parameters are those of the pattern`() async throws {
        let api = OpenAPIFixture(try await StudioFixture())
        for route in api.routes {
            let pattern = route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                $0.dropFirst().dropLast()
            }
            let told = route.inputs.filter { $0.place == .path }.map(\.name)
            #expect(told == pattern.map(String.init), "\(route.id)")
        }
    }

    @Test func `the document is cached by its entity tag`() async throws {
        let api = try await PipelineFixture()
        let whole = try await api.send("GET", "/openapi.json")
        #expect(whole.status == 200)
        #expect(whole.json["openapi"] == "3.1.0")
        #expect(whole.fields["Cache-Control"] == "public, max-age=300")
        let tag = try #require(whole.fields["ETag"])
        let same = try await api.send("GET", "/openapi.json", fields: [("If-None-Match", tag)])
        #expect(same.status == 304)
        #expect(same.bytes.isEmpty)
        #expect(same.fields["ETag"] == tag)
        #expect(try await api.send("GET", "/openapi.json", fields: [("If-None-Match", "\"x\"")]).status == 200)
        #expect(try await api.send("GET", "/openapi.json", fields: [("If-Match", "\"x\"")]).status == 412)
    }

    @Test(arguments: ["identity", "gzip"])
    func `a 304 has the fields of its 200, whatever that one's coding`(coding: String) async throws {
        let api = try await PipelineFixture()
        let accepts = ("Accept-Encoding", coding)
        let whole = try await api.send("GET", "/openapi.json", fields: [accepts])
        let tag = try #require(whole.fields["ETag"])
        #expect(tag.hasPrefix("W/") == (coding == "gzip"))
        let same = try await api.send("GET", "/openapi.json", fields: [accepts, ("If-None-Match", tag)])
        #expect(same.status == 304)
        #expect(same.bytes.isEmpty)
        for name in ["ETag", "Vary", "Cache-Control"] {
            #expect(whole.fields[name] != nil)
            #expect(same.fields.values(name) == whole.fields.values(name), "\(name)")
        }
        for name in ["Content-Type", "Content-Encoding"] { #expect(same.fields[name] == nil, "\(name)") }
    }

    @Test func `the checker refuses what a schema does not say`() {
        let checker = JSONSchema(document: ["a": ["type": "integer", "minimum": 1]])
        let closed: JSON = [
            "type": "object", "properties": ["n": ["$ref": "#/a"]], "required": ["n"], "additionalProperties": false,
        ]
        #expect(checker.faults(in: ["n": 1], by: closed).isEmpty)
        for wrong: JSON in [["n": 0], ["n": "1"], [:], ["n": 1, "m": 1], []] {
            #expect(!checker.faults(in: wrong, by: closed).isEmpty, "\(wrong.text)")
        }
        #expect(!checker.faults(in: 1, by: ["unheardOf": true]).isEmpty)
        #expect(!checker.faults(in: 1, by: ["oneOf": [["const": 1], ["type": "integer"]]]).isEmpty)
    }

    /// Every schema of the document with its place, those within others too.
    private static func schemas(in document: JSON) -> [(place: String, schema: JSON)] {
        var found: [(String, JSON)] = []
        func visit(_ schema: JSON, _ place: String) {
            found.append((place, schema))
            for member in schema.members ?? [] {
                let inner = "\(place)/\(member.name)"
                switch member.name {
                case "items", "contentSchema": visit(member.value, inner)
                case "properties", "patternProperties":
                    for property in member.value.members ?? [] { visit(property.value, "\(inner)/\(property.name)") }
                case "oneOf", "anyOf":
                    for (index, one) in (member.value.array ?? []).enumerated() { visit(one, "\(inner)/\(index)") }
                default: break
                }
            }
        }
        func search(_ value: JSON, _ place: String) {
            for member in value.members ?? [] {
                let inner = "\(place)/\(member.name)"
                switch member.name {
                case "schema": visit(member.value, inner)
                case "schemas" where place == "/components":
                    for schema in member.value.members ?? [] { visit(schema.value, "\(inner)/\(schema.name)") }
                default: search(member.value, inner)
                }
            }
            for (index, element) in (value.array ?? []).enumerated() { search(element, "\(place)/\(index)") }
        }
        search(document, "")
        return found
    }
}
