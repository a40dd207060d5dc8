extension SemanticsCase {
    static let methods: [SemanticsCase] =
        SemanticsResource.all.flatMap { resource -> [SemanticsCase] in
            let (name, path) = (resource.name, resource.path)
            var cases: [SemanticsCase] = [
                .of("§9.3.1: GET of \(name)", 200, line: "GET \(path)", wants: [("Content-Length", .anything)]),
                .of(
                    "§9.3.2: HEAD of \(name)", 200, line: "HEAD \(path)", wants: [("Content-Length", .anything)],
                    content: SemanticsCase.Content.none),
                .of(
                    "§9.3.7: OPTIONS of \(name)", 204, line: "OPTIONS \(path)",
                    wants: [("Allow", .equal(resource.allow)), ("Content-Length", .nothing)]),
                .of(
                    "§9.3.8: TRACE of \(name) shows nothing", 405, line: "TRACE \(path)", ["Cookie: secret"],
                    wants: [("Allow", .equal(resource.allow))], content: .problem("method_not_allowed")),
                .of(
                    "§9.1: a method nobody knows, of \(name)", 501, line: "BREW \(path)",
                    content: .problem("not_implemented")),
                .of("§9.1: methods know case, of \(name)", 501, line: "get \(path)"),
            ]
            for method in ["POST", "PUT", "PATCH", "DELETE"] where !resource.methods.contains(method) {
                cases.append(
                    .of(
                        "§15.5.6: \(method) of \(name)", 405, line: "\(method) \(path)",
                        wants: [("Allow", .equal(resource.allow))], content: .problem("method_not_allowed")))
            }
            return cases
        } + server

    private static let server: [SemanticsCase] = [
        .of(
            "§9.3.7: OPTIONS of the server", 204, line: "OPTIONS *",
            wants: [
                ("Allow", .lists("GET")), ("Allow", .lists("POST")), ("Allow", .omits("TRACE")),
                ("Allow", .omits("CONNECT")),
            ]),
        .of("9112 §3.2.4: the asterisk is for OPTIONS alone", 400, line: "GET *", ends: true),
        .of("§9.3.6: CONNECT is for proxies", 400, 501, line: "CONNECT product.test:80", ends: true),
        .of("§15.5.5: nothing there", 404, line: "GET /nowhere", content: .problem("not_found")),
        .of("§9.3.2: HEAD of nothing", 404, line: "HEAD /nowhere", content: SemanticsCase.Content.none),
        .of("§15.5.5: POST to nothing", 404, line: "POST /nowhere", body: "x", content: .problem("not_found")),
        .of("§9.3.7: OPTIONS of nothing", 404, line: "OPTIONS /nowhere"),
        .of(
            "§15.5.5: a job that is not there", 404, line: "GET /api/v1/jobs/job_none",
            content: .problem("job_not_found")),
        .of(
            "§11.6.1: without a credential", 401, line: "GET {job}", ["Authorization:"],
            wants: [("WWW-Authenticate", .anything)], content: .problem("unauthenticated")),
        .of(
            "§11.6.1: HEAD without a credential", 401, line: "HEAD {job}", ["Authorization:"],
            wants: [("WWW-Authenticate", .anything)], content: SemanticsCase.Content.none),
        .of(
            "§11.1: the scheme in any case", 200, line: "GET {job}", ["Authorization: bEaReR {token}"]),
        .of(
            "§15.5.10: a job that has ended", 409, line: "DELETE {job}", content: .problem("job_not_cancelable")),
        .of("§9.3.2: HEAD of a stream", 200, line: "HEAD {events}", content: SemanticsCase.Content.none),
        .of(
            "§15.5.22: a socket is asked for by an upgrade", 426, line: "GET /api/v1/events",
            wants: [("Upgrade", .equal("websocket")), ("Connection", .lists("Upgrade"))],
            content: .problem("upgrade_required")),
        .of(
            "6455 §4.1: HEAD opens no socket", 400, 426, line: "HEAD /api/v1/events",
            [
                "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ], content: SemanticsCase.Content.none),
    ]

    static let bodies: [SemanticsCase] = [
        .post("§9.3.3: POST", 200),
        .post("§8.3.1: the type in any case", 200, type: "Application/JSON"),
        .post("8259 §11: UTF-8 by name", 200, type: "application/json; charset=utf-8"),
        .post("§8.3.2: UTF-8 in any case, quoted", 200, type: "application/json;charset=\"UTF-8\""),
        .post(
            "8259 §8.1: another charset", 415, type: "application/json; charset=iso-8859-1",
            content: .problem("unsupported_media_type")),
        .post("8259 §8.1: UTF-16", 415, type: "application/json; charset=utf-16"),
        .post("8259 §11: other parameters are nothing to JSON", 200, type: "application/json; profile=x"),
        .post("§15.5.16: another type", 415, type: "text/plain", content: .problem("unsupported_media_type")),
        .post("§15.5.16: no type", 415, type: nil, content: .problem("unsupported_media_type")),
        .post("§15.5.16: no media type at all", 415, type: "json"),
        .post("§5.3: two types", 415, fields: ["Content-Type: application/json"]),
        .post(
            "§15.5.16: a content coding", 415, fields: ["Content-Encoding: gzip"],
            wants: [("Accept-Encoding", .equal("identity"))]),
        .post("§8.4.1: no coding by name", 200, fields: ["Content-Encoding: identity"]),
        .of(
            "§15.5.12: no length", 411, line: "POST /api/v1/quotes", ["Content-Type: application/json"],
            content: .problem("length_required")),
        .of(
            "§15.5.14: longer than is taken", 413, line: "POST /api/v1/quotes",
            ["Content-Type: application/json", "Content-Length: 99999999"], content: .problem("content_too_large"),
            ends: true),
        .post("§10.1.1: go on", 200, fields: ["Expect: 100-continue"]),
        .post("§10.1.1: in any case", 200, fields: ["Expect: 100-Continue"]),
        .post(
            "§15.5.18: another expectation", 417, fields: ["Expect: miracles"],
            content: .problem("expectation_failed"), ends: true),
        .post("§14.2: Range of POST is passed over", 200, fields: ["Range: bytes=0-1"]),
        .post("§13.1.3: If-Modified-Since of POST is passed over", 200, fields: ["If-Modified-Since: {modified}"]),
        .post("§15.5.7: no coding is taken", 406, fields: ["Accept-Encoding: *;q=0"]),
        .post(
            "§12.5.3: gzip alone is taken", 200, fields: ["Accept-Encoding: gzip, identity;q=0"],
            wants: [("Content-Encoding", .equal("gzip")), ("Vary", .lists("Accept-Encoding"))]),
        .of("§8.6: a GET with content is answered", 200, line: "GET {probe}", body: "content"),
    ]

    static func post(
        _ rule: String, _ status: Int, fields: [String], wants: [(field: String, want: Want)] = [],
        content: Content? = nil, ends: Bool = false
    ) -> SemanticsCase {
        .post(rule, status, "/api/v1/quotes", fields, wants: wants, content: content, ends: ends)
    }
}
