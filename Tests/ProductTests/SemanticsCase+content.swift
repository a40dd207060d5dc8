extension SemanticsCase {
    private static let all = "abcdefghijklmnopqrstuvwxyz"

    /// Of the result with the 26 letters.
    private static func letters(
        _ rule: String, _ status: Int, _ fields: String..., wants: [(field: String, want: Want)] = [],
        content: Content? = nil
    ) -> SemanticsCase {
        .of(rule, status, line: "GET {artifact}", fields, wants: wants, content: content)
    }

    private static func part(_ rule: String, _ range: String, _ contentRange: String, _ text: String) -> SemanticsCase {
        letters(
            rule, 206, "Range: \(range)",
            wants: [
                ("Content-Range", .equal("bytes \(contentRange)/26")), ("Content-Length", .equal("\(text.utf8.count)")),
                ("ETag", .equal("{artifact.tag}")),
            ], content: .text(text))
    }

    private static func parts(_ rule: String, _ range: String, _ parts: [(String, String)]) -> SemanticsCase {
        letters(
            rule, 206, "Range: \(range)", wants: [("Content-Range", .nothing), ("ETag", .equal("{artifact.tag}"))],
            content: .parts(parts.map { ("bytes \($0.0)/26", $0.1) }))
    }

    private static func beyond(_ rule: String, _ range: String) -> SemanticsCase {
        letters(
            rule, 416, "Range: \(range)", wants: [("Content-Range", .equal("bytes */26"))],
            content: .problem("range_not_satisfiable"))
    }

    private static func whole(_ rule: String, _ fields: String...) -> SemanticsCase {
        .of(
            rule, 200, line: "GET {artifact}", fields, wants: [("Content-Range", .nothing)],
            content: .whole("artifact"))
    }

    static let ranges: [SemanticsCase] = SemanticsResource.ranged.flatMap { ranged($0) } + ofLetters

    private static let ofLetters: [SemanticsCase] =
        [
            letters("§14.3: ranges are taken", 200, wants: [("Accept-Ranges", .equal("bytes"))]),
            part("§14.1.2: the first bytes", "bytes=0-4", "0-4", "abcde"),
            part("§14.1.2: the last byte", "bytes=25-25", "25-25", "z"),
            part("§14.1.2: to the end", "bytes=20-", "20-25", "uvwxyz"),
            part("§14.1.2: beyond the end", "bytes=24-99", "24-25", "yz"),
            part("§14.1.2: beyond 64 bits", "bytes=24-99999999999999999999", "24-25", "yz"),
            part("§14.1.2: a suffix", "bytes=-3", "23-25", "xyz"),
            part("§14.1.2: a suffix longer than the whole", "bytes=-99", "0-25", all),
            part("§14.1: the unit in any case", "Bytes=0-0", "0-0", "a"),
            part("§14.2: one of two can be met", "bytes=90-99,0-1", "0-1", "ab"),
            parts("§14.6: several", "bytes=0-1,4-5,-1", [("0-1", "ab"), ("4-5", "ef"), ("25-25", "z")]),
            parts("§14.6: blanks behind the comma", "bytes=0-0, 2-2", [("0-0", "a"), ("2-2", "c")]),
            parts("§15.3.7.2: in the order asked for", "bytes=5-5,1-1", [("5-5", "f"), ("1-1", "b")]),
            beyond("§15.5.17: beyond the end", "bytes=26-"),
            beyond("§15.5.17: all of several", "bytes=26-30,99-"),
            beyond("§14.1.2: a suffix of nothing", "bytes=-0"),
            whole("§14.2: overlapping, and more than the whole", "Range: bytes=0-20,5-25"),
            whole("§17.15: too many", "Range: bytes=\((0..<17).map { "\($0)-\($0)" }.joined(separator: ","))"),
            whole("§14.1.1: from behind to", "Range: bytes=5-2"),
            whole("§14.2: another unit", "Range: lines=0-1"),
            whole("§14.1.1: no range", "Range: bytes="),
            whole("§14.1.1: one malformed", "Range: bytes=0-1,x"),
            whole("§5.3: two fields", "Range: bytes=0-1", "Range: bytes=2-3"),
            letters(
                "§13.1.5: If-Range with the tag", 206, "Range: bytes=0-1", "If-Range: {artifact.tag}",
                content: .text("ab")),
            whole("§13.1.5: with another", "Range: bytes=0-1", "If-Range: \"another\""),
            whole("§13.1.5: weak", "Range: bytes=0-1", "If-Range: W/{artifact.tag}"),
            whole("§13.1.5: a date, where none is known", "Range: bytes=0-1", "If-Range: {modified}"),
            whole("§13.1.5: beyond the end of another", "Range: bytes=99-", "If-Range: \"another\""),
            whole("§13.1.5: without Range", "If-Range: \"another\""),
            .of(
                "§13.1.5: the date", 206, line: "GET {sound}", ["Range: bytes=0-1", "If-Range: {modified}"],
                wants: [("Last-Modified", .equal("{modified}"))], content: .text("ab")),
            .of(
                "§13.1.5: a later date", 200, line: "GET {sound}",
                ["Range: bytes=0-1", "If-Range: Mon, 07 Nov 1994 00:00:00 GMT"], content: .whole("sound")),
            .of(
                "§14.2: of JSON it is passed over", 200, line: "GET {job}", ["Range: bytes=0-1"],
                wants: [("Content-Range", .nothing)], content: .whole("job")),
            .of(
                "§14.2: of the zip it is passed over", 200, line: "GET {zip}", ["Range: bytes=0-1"],
                wants: [("Content-Range", .nothing), ("Accept-Ranges", .omits("bytes"))], content: .whole("zip")),
        ]

    private static func ranged(_ resource: SemanticsResource) -> [SemanticsCase] {
        let (name, length) = (resource.name, "{\(resource.name).length}")
        return [
            .of(
                "§14.2: of HEAD it is passed over, of \(name)", 200, line: "HEAD \(resource.path)",
                ["Range: bytes=0-1"], wants: [("Content-Range", .nothing), ("Content-Length", .equal(length))]),
            .of(
                "§15.5.17: beyond the end of \(name)", 416, line: "GET \(resource.path)", ["Range: bytes=99999999-"],
                wants: [("Content-Range", .equal("bytes */\(length)"))], content: .problem("range_not_satisfiable")),
        ]
    }

    /// What a client takes, by §12.5.3 and §12.4.2: whether gzip, whether no coding.
    private static let takers: [(accept: String?, gzip: Bool, identity: Bool)] = [
        (nil, false, true), ("", false, true), ("gzip", true, true), ("GZip", true, true), ("x-gzip", true, true),
        ("gzip, deflate, br, zstd", true, true), ("br", false, true), ("gzip;q=0", false, true),
        ("gzip;q=0.000", false, true), ("*", true, true), ("gzip;q=0, *", false, true), ("gzip;q=0.001", true, true),
        ("gzip, identity;q=0", true, false), ("gzip, *;q=0", true, false), ("identity;q=0, *", true, false),
        ("identity, *;q=0", false, true), ("identity;q=0.5, *;q=0", false, true),
        ("*;q=0", false, false), ("gzip;q=0, identity;q=0", false, false), ("br, *;q=0", false, false),
        ("identity;q=0", false, false),
    ]

    /// No answer comes in a coding that the client refuses; where there is no other it is 406 (§15.5.7).
    static let codings: [SemanticsCase] =
        SemanticsResource.all.flatMap { resource in
            takers.map { taker -> SemanticsCase in
                let rule =
                    "§12.5.3: \(taker.accept.map { "Accept-Encoding '\($0)'" } ?? "no field"), of \(resource.name)"
                let fields = taker.accept.map { ["Accept-Encoding: \($0)"] } ?? []
                let mustGzip = taker.gzip && !taker.identity
                guard resource.isText ? taker.gzip || taker.identity : taker.identity else {
                    return .of(
                        rule, 406, line: "GET \(resource.path)", fields, content: .problem("not_acceptable"))
                }
                var wants: [(field: String, want: Want)] = []
                if !taker.gzip || !resource.isText { wants.append(("Content-Encoding", .nothing)) }
                if mustGzip, resource.isText { wants.append(("Content-Encoding", .equal("gzip"))) }
                // §12.5.5: caches must not give one client's coding to another.
                if resource.hasTag, resource.isText { wants.append(("Vary", .lists("Accept-Encoding"))) }
                return .of(
                    rule, 200, line: "GET \(resource.path)", fields, wants: wants,
                    content: resource.name == "metrics" ? nil : .whole(resource.name))
            }
        } + weights

    private static let weights: [SemanticsCase] = [
        .of(
            "§12.4.2: identity rather", 200, line: "GET {document}", ["Accept-Encoding: gzip;q=0.5, identity;q=0.8"],
            wants: [("Content-Encoding", .nothing)]),
        .of(
            "§12.4.2: gzip rather", 200, line: "GET {document}", ["Accept-Encoding: gzip;q=0.8, identity;q=0.5"],
            wants: [("Content-Encoding", .equal("gzip"))]),
        .of(
            "§14.2: a part of what is taken in gzip alone", 200, 206, line: "GET {page}",
            ["Range: bytes=0-9", "Accept-Encoding: gzip, identity;q=0"], wants: [("Content-Encoding", .equal("gzip"))]),
        .of(
            "§14.2: a part of what is not taken as it is", 406, line: "GET {artifact}",
            ["Range: bytes=0-9", "Accept-Encoding: gzip, identity;q=0"]),
        .of(
            "§15.5.7: nothing is done for who takes no answer", 406, line: "DELETE {running}",
            ["{key}", "Accept-Encoding: *;q=0"]),
    ]
}
