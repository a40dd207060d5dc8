import HTTP
import Testing

private func router(_ routes: [(String, String)]) throws -> Router<String> {
    var router = Router<String>()
    for (method, pattern) in routes { try router.add(method, pattern, "\(method) \(pattern)") }
    return router
}

private func describe(_ outcome: Router<String>.Outcome) -> String {
    switch outcome {
    case .found(let match):
        ([match.value] + match.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
            .joined(separator: " ")
    case .methodNotAllowed(let allowed): "405 " + allowed.joined(separator: ",")
    case .notFound: "404"
    }
}

struct RouterTests {
    private static let routes = [
        ("GET", "/"), ("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/jobs/{id}"), ("DELETE", "/jobs/{id}"),
        ("POST", "/jobs/quote"), ("GET", "/jobs/{id}/artifacts/{name}"), ("GET", "/jobs/latest/log"),
        ("GET", "/files/{path...}"), ("PUT", "/uploads/{id}/"),
    ]

    @Test(arguments: [
        ("GET", "/", "GET /"), ("GET", "/jobs", "GET /jobs"), ("POST", "/jobs", "POST /jobs"),
        ("GET", "/jobs/7", "GET /jobs/{id} id=7"), ("HEAD", "/jobs/7", "GET /jobs/{id} id=7"),
        ("GET", "/jobs/7/artifacts/vocals.wav", "GET /jobs/{id}/artifacts/{name} id=7 name=vocals.wav"),
        ("GET", "/jobs/latest/log", "GET /jobs/latest/log"),
        ("GET", "/jobs/latest", "GET /jobs/{id} id=latest"),
        ("GET", "/jobs/latest/artifacts/x", "GET /jobs/{id}/artifacts/{name} id=latest name=x"),
        ("GET", "/files/a/b//c", "GET /files/{path...} path=a/b//c"), ("GET", "/files/", "GET /files/{path...} path="),
        ("GET", "/jobs/é", "GET /jobs/{id} id=é"), ("PUT", "/uploads/1/", "PUT /uploads/{id}/ id=1"),
        ("GET", "/files", "404"), ("GET", "/jobs/", "404"), ("GET", "/jobs/7/", "404"), ("GET", "/x", "404"),
        ("GET", "//jobs", "404"), ("GET", "/JOBS", "404"), ("OPTIONS", "*", "404"), ("GET", "", "404"),
        ("PUT", "/jobs", "405 GET,HEAD,POST"), ("PUT", "/jobs/7", "405 DELETE,GET,HEAD"),
        ("GET", "/jobs/quote", "405 POST"), ("HEAD", "/uploads/1/", "405 PUT"), ("get", "/", "405 GET,HEAD"),
    ])
    func `the most specific pattern decides`(_ method: String, _ path: String, _ expected: String) throws {
        let router = try router(Self.routes)
        #expect(describe(router.match(method: method, path: path)) == expected)
    }

    @Test(arguments: [
        ("/a", "/a"), ("/a/{id}", "/a/{name}"), ("/{a}/b", "/{c}/b"), ("/a/{x...}", "/a/{y...}"),
    ])
    func `clashing routes are refused`(_ first: String, _ second: String) throws {
        var router = try router([("GET", first)])
        try router.add("POST", second, "other method")
        #expect(throws: RouteError.clash(method: "GET", pattern: second, with: first)) {
            try router.add("GET", second, "clash")
        }
    }

    @Test(arguments: [
        "", "a", "/{", "/}", "/{}", "/{a", "/a}", "/x{a}", "/{a}x", "/{a}/{a}", "/{a...}/b", "/{...}", "/{a b}",
        "/{a{b}}",
    ])
    func `a malformed pattern is refused`(_ pattern: String) {
        var router = Router<Int>()
        #expect(throws: RouteError.malformedPattern(pattern)) { try router.add("GET", pattern, 1) }
    }
}
