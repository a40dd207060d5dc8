extension SemanticsCase {
    private static let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"
    private static let later = "Mon, 07 Nov 1994 00:00:00 GMT"

    static let conditions: [SemanticsCase] =
        SemanticsResource.tagged.flatMap { of($0) } + dates + precedence
        + ["probe", "metrics", "job", "zip", "events"].flatMap { withoutTags($0) } + unsafe

    /// By the entity tag of each resource that has one.
    private static func of(_ resource: SemanticsResource) -> [SemanticsCase] {
        let (name, tag) = (resource.name, "{\(resource.name).tag}")
        func get(_ rule: String, _ status: Int, _ fields: String...) -> SemanticsCase {
            .of("\(rule), of \(name)", status, line: "GET \(resource.path)", fields)
        }
        return [
            .of(
                "§8.8.3: a tag comes along, of \(name)", 200, line: "GET \(resource.path)",
                wants: [("ETag", .equal(tag))], content: .whole(name)),
            .of(
                "§13.1.2: If-None-Match, of \(name)", 304, line: "GET \(resource.path)", ["If-None-Match: \(tag)"],
                wants: [("ETag", .equal(tag)), ("Content-Type", .nothing)]),
            .of(
                "§13.1.2: If-None-Match of HEAD, of \(name)", 304, line: "HEAD \(resource.path)",
                ["If-None-Match: \(tag)"], wants: [("ETag", .equal(tag))]),
            get("§13.1.2: compares weakly", 304, "If-None-Match: W/\(tag)"),
            get("§13.1.2: a list", 304, "If-None-Match: \"a\", \"b,c\", \(tag)"),
            get("§13.1.2: two fields", 304, "If-None-Match: \"a\"", "If-None-Match: \(tag)"),
            get("§13.1.2: anything", 304, "If-None-Match: *"),
            get("§13.1.2: another", 200, "If-None-Match: \"another\""),
            get("§13.1.1: If-Match", 200, "If-Match: \(tag)"),
            get("§13.1.1: a list", 200, "If-Match: \"a\", \(tag)"),
            get("§13.1.1: anything", 200, "If-Match: *"),
            get("§13.1.1: another", 412, "If-Match: \"another\""),
            get("§13.1.1: compares strongly", 412, "If-Match: W/\(tag)"),
            get("§13.2.2: If-Match goes first", 412, "If-None-Match: \(tag)", "If-Match: \"another\""),
            .of(
                "§13.1.2: the tag of gzip where gzip is taken, of \(name)", 304, line: "GET \(resource.path)",
                ["Accept-Encoding: gzip", "If-None-Match: {\(name).gzip}"],
                wants: [("ETag", .equal("{\(name).gzip}"))]),
            .of(
                "§13.2.1: OPTIONS has no conditions, of \(name)", 204, line: "OPTIONS \(resource.path)",
                ["If-Match: \"another\"", "If-None-Match: *"]),
            .of(
                "§13.2.1: what is refused has none, of \(name)", 405, line: "PUT \(resource.path)",
                ["If-Match: \"another\""], body: "x"),
        ]
    }

    private static func dated(_ rule: String, _ status: Int, _ fields: String...) -> SemanticsCase {
        .of(rule, status, line: "GET {sound}", fields)
    }

    private static let dates: [SemanticsCase] = [
        .of("§8.8.2: a date comes along", 200, line: "GET {sound}", wants: [("Last-Modified", .equal("{modified}"))]),
        .of(
            "§13.1.3: If-Modified-Since the same", 304, line: "GET {sound}", ["If-Modified-Since: {modified}"],
            wants: [("Last-Modified", .equal("{modified}")), ("ETag", .equal("{sound.tag}"))]),
        .of("§13.1.3: of HEAD", 304, line: "HEAD {sound}", ["If-Modified-Since: {modified}"]),
        dated("§13.1.3: later", 304, "If-Modified-Since: \(later)"),
        dated("§13.1.3: earlier", 200, "If-Modified-Since: \(earlier)"),
        dated("§5.6.7: the date of RFC 850", 304, "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"),
        dated("§5.6.7: the date of asctime", 304, "If-Modified-Since: Sun Nov  6 08:49:37 1994"),
        dated("§13.1.3: no date is passed over", 200, "If-Modified-Since: yesterday"),
        .of("§13.1.3: no date is known", 200, line: "GET {artifact}", ["If-Modified-Since: \(later)"]),
        dated("§13.1.4: If-Unmodified-Since the same", 200, "If-Unmodified-Since: {modified}"),
        dated("§13.1.4: later", 200, "If-Unmodified-Since: \(later)"),
        dated("§13.1.4: earlier", 412, "If-Unmodified-Since: \(earlier)"),
        dated("§13.1.4: no date is passed over", 200, "If-Unmodified-Since: never"),
        .of("§13.1.4: no date is known", 200, line: "GET {artifact}", ["If-Unmodified-Since: \(earlier)"]),
    ]

    private static let precedence: [SemanticsCase] = [
        dated(
            "§13.1.3: If-None-Match rules If-Modified-Since out", 200, "If-None-Match: \"a\"",
            "If-Modified-Since: \(later)"),
        dated("§13.1.3: whichever comes first", 304, "If-Modified-Since: \(earlier)", "If-None-Match: {sound.tag}"),
        dated("§13.1.4: If-Match rules If-Unmodified-Since", 200, "If-Match: *", "If-Unmodified-Since: \(earlier)"),
        dated(
            "§13.2.2: If-Unmodified-Since before If-None-Match", 412, "If-None-Match: *",
            "If-Unmodified-Since: \(earlier)"),
        dated("§13.2.2: 304 before 206", 304, "Range: bytes=0-1", "If-None-Match: {sound.tag}"),
        dated("§13.2.2: 304 before 416", 304, "Range: bytes=999999-", "If-None-Match: {sound.tag}"),
        dated("§13.2.2: 412 before 416", 412, "Range: bytes=999999-", "If-Match: \"a\""),
        .of("§13.2.1: 404 before 412", 404, line: "GET /nowhere", ["If-Match: \"a\""]),
        .of("§13.2.1: 404 before 412, of a job", 404, line: "DELETE {absent}", ["If-Match: \"a\"", "{key}"]),
        .of("§13.2.1: 401 before 412", 401, line: "GET {artifact}", ["Authorization:", "If-Match: \"a\""]),
        .of("§13.2.1: 409 before 412", 409, line: "DELETE {job}", ["If-Match: \"a\""]),
    ]

    /// What has no tag has no tag that matches, and yet is something (§13.1.1, §13.1.2).
    private static func withoutTags(_ name: String) -> [SemanticsCase] {
        [
            .of("§13.1.1: no tag to match, of \(name)", 412, line: "GET {\(name)}", ["If-Match: \"a\""]),
            .of("§13.1.1: anything, of \(name)", 200, line: "GET {\(name)}", ["If-Match: *"]),
            .of("§13.1.2: no tag to match, of \(name)", 200, line: "GET {\(name)}", ["If-None-Match: \"a\""]),
            .of("§13.1.2: anything, of \(name)", 304, line: "GET {\(name)}", ["If-None-Match: *"]),
            .of("§13.1.2: anything, of HEAD of \(name)", 304, line: "HEAD {\(name)}", ["If-None-Match: *"]),
        ]
    }

    private static let unsafe: [SemanticsCase] = [
        .of(
            "§13.1.1: what runs is not canceled by who means another", 412, line: "DELETE {running}",
            ["{key}", "If-Match: \"a\""], content: .problem("precondition_failed")),
        .of(
            "§13.1.2: nor by who means that nothing is there", 412, line: "DELETE {running}",
            ["{key}", "If-None-Match: *"]),
        .of("§13.1.1: it runs on", 200, line: "GET {running}", ["{key}"], content: .whole("running")),
        .post("§13.1.1: POST to what has no tag", 412, fields: ["If-Match: \"a\""]),
        .post("§13.1.1: POST to where nothing is to be read", 412, fields: ["If-Match: *"]),
        .post("§13.1.2: the same the other way round", 200, fields: ["If-None-Match: *"]),
        .post("§13.2.1: 415 before 412", 415, "/api/v1/quotes", ["If-Match: \"a\""], type: "text/plain"),
    ]
}
