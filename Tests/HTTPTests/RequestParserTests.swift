import Core
import HTTP
import Testing

/// What a parser made of a head, comparable.
private enum Verdict: Equatable {
    case needMore
    case complete(path: String, framing: BodyFraming, consumed: Int)
    case refused(Int)

    init(_ progress: RequestParser.Progress) {
        switch progress {
        case .needMore: self = .needMore
        case .complete(let request, let consumed):
            self = .complete(path: request.head.path, framing: request.framing, consumed: consumed)
        case .refused(let refusal): self = .refused(refusal.status)
        }
    }
}

private func parse(_ pieces: [[UInt8]], limits: MessageLimits = MessageLimits()) -> RequestParser.Progress {
    var parser = RequestParser(limits: limits)
    var bytes: [UInt8] = []
    for piece in pieces {
        bytes += piece
        let progress = bytes.withUnsafeBytes { parser.parse($0) }
        if case .needMore = progress { continue }
        return progress
    }
    return .needMore
}

private func parse(_ text: String, limits: MessageLimits = MessageLimits()) -> RequestParser.Progress {
    parse([Array(text.utf8)], limits: limits)
}

private func request(_ text: String) throws -> ParsedRequest {
    guard case .complete(let request, _) = parse(text) else {
        Issue.record("not complete: \(text.debugDescription)")
        throw CancellationError()
    }
    return request
}

struct RequestParserTests {
    struct RefusedCase: CustomTestStringConvertible {
        let rule: String
        let status: Int
        let bytes: [UInt8]

        init(_ rule: String, _ status: Int, _ text: String) {
            self.rule = rule
            self.status = status
            bytes = Array(text.utf8)
        }

        init(_ rule: String, _ status: Int, bytes: [UInt8]) {
            self.rule = rule
            self.status = status
            self.bytes = bytes
        }

        var testDescription: String { rule }
    }

    struct AcceptedCase: CustomTestStringConvertible {
        let rule: String
        let text: String
        let path: String
        let framing: BodyFraming

        init(_ rule: String, _ text: String, path: String = "/", _ framing: BodyFraming = .none) {
            self.rule = rule
            self.text = text
            self.path = path
            self.framing = framing
        }

        var testDescription: String { rule }
    }

    static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n" }

    static func path(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n" }

    static let refused: [RefusedCase] = [
        RefusedCase("9112 §2.2: a bare LF ends no line", 400, "GET / HTTP/1.1\nHost: a\n\n"),
        RefusedCase("9112 §2.2: a bare LF ends no field", 400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        RefusedCase("9112 §2.2: a bare LF ends no head", 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        RefusedCase("9112 §2.2: a bare CR in the request line", 400, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §2.2: a bare CR in a value", 400, get("A: b\rc")),
        RefusedCase("9112 §2.2: a CR before the CRLF", 400, get("A: b\r")),
        RefusedCase("9112 §2.2: a blank before the first field", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        RefusedCase("9112 §2.2: two empty lines before the request", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §2.2: an LF before the request", 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §3: no version (HTTP/0.9)", 400, "GET /\r\n\r\n"),
        RefusedCase("9112 §3: two spaces after the method", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §3: two spaces before the version", 400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §3: a space in the target", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §3: a tab as separator", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §3: a space after the version", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §3: a space before the method", 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9110 §9.1: the method is a token", 400, "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase(
            "9112 §3: a method longer than any known", 501,
            "\(String(repeating: "M", count: 33)) / HTTP/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §2.3: HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        RefusedCase("9113 §3.4: the preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        RefusedCase("9112 §2.3: HTTP/0.9 by name", 505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §2.3: the name is case-sensitive", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §2.3: one digit each", 400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        RefusedCase("9112 §2.3: another protocol", 400, "GET / ICAP/1.0\r\nHost: a\r\n\r\n"),
        RefusedCase("a TLS ClientHello", 400, bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
        RefusedCase("9112 §3.2.3: CONNECT", 501, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        RefusedCase("9112 §3.2.4: * without OPTIONS", 400, path("*")),
        RefusedCase("9112 §3.2: a target without slash", 400, path("a/b")),
        RefusedCase("9112 §3.2.2: another scheme", 400, path("ftp://a/b")),
        RefusedCase("9110 §4.2.4: userinfo", 400, path("http://u@a/b")),
        RefusedCase("9110 §7.4: an https URI without TLS", 421, path("https://a/b")),
        RefusedCase("9110 §4.2.1: an empty host", 400, path("http:///b")),
        RefusedCase("9112 §3.2: a fragment", 400, path("/a#b")),
        RefusedCase("3986 §2: a quote in the path", 400, path("/a\"b")),
        RefusedCase("3986 §2: a backslash in the path", 400, path("/a\\b")),
        RefusedCase("3986 §2: bytes beyond ASCII in the path", 400, path("/é")),
        RefusedCase("3986 §2: a control in the path", 400, path("/a\u{7F}")),
        RefusedCase("3986 §2.1: an escape cut short", 400, path("/a%4")),
        RefusedCase("3986 §2.1: an escape that is not hexadecimal", 400, path("/a%4g")),
        RefusedCase("an encoded NUL in the path", 400, path("/a%00")),
        RefusedCase("an encoded line feed in the path", 400, path("/a%0ab")),
        RefusedCase("an encoded slash in the path", 400, path("/a%2Fb")),
        RefusedCase("an encoded backslash in the path", 400, path("/..%5Cb")),
        RefusedCase("3629 §3: a path that is not UTF-8", 400, path("/%ff")),
        RefusedCase("3629 §3: an overlong slash", 400, path("/%c0%af")),
        RefusedCase("3986 §5.2.4: above the root", 400, path("/../etc/passwd")),
        RefusedCase("3986 §5.2.4: above the root, encoded", 400, path("/a/%2e%2E/%2e./b")),
        RefusedCase("3986 §2.1: a bad escape in the query", 400, path("/?a=%zz")),
        RefusedCase("an encoded NUL in the query", 400, path("/?a=%00")),
        RefusedCase("3629 §3: a query that is not UTF-8", 400, path("/?a=%fe")),
        RefusedCase("9112 §3.2: no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
        RefusedCase("9112 §3.2: no Host beside an absolute target", 400, "GET http://a/ HTTP/1.1\r\n\r\n"),
        RefusedCase("9112 §3.2: two Hosts", 400, get("Host: a")),
        RefusedCase("9112 §3.2: two Hosts in HTTP/1.0", 400, "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"),
        RefusedCase("9112 §3.2: an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        RefusedCase("9112 §3.2: a Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        RefusedCase("9112 §3.2: a Host with userinfo", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        RefusedCase("9112 §3.2: a list of Hosts", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        RefusedCase("9112 §3.2: a list of Hosts without blanks", 400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
        RefusedCase("3986 §3.2.3: a port beyond 65535", 400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        RefusedCase("3986 §3.2.3: a port that is no number", 400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
        RefusedCase("3986 §3.2.2: an open bracket", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        RefusedCase("9112 §5.1: a space before the colon", 400, get("A : b")),
        RefusedCase("9112 §5.1: a tab before the colon", 400, get("A\t: b")),
        RefusedCase("9112 §5.1: a space in the name", 400, get("A B: c")),
        RefusedCase("9112 §5: a field without colon", 400, get("Abc")),
        RefusedCase("9112 §5: an empty name", 400, get(": b")),
        RefusedCase("9110 §5.1: a name beyond ASCII", 400, get("Ä: b")),
        RefusedCase("9112 §5.2: a folded line", 400, get("A: b\r\n c")),
        RefusedCase("9112 §5.2: a folded line with a tab", 400, get("A: b\r\n\tc")),
        RefusedCase("9110 §5.5: a NUL in a value", 400, get("A: b\u{0}c")),
        RefusedCase("9110 §5.5: a control in a value", 400, get("A: b\u{1}c")),
        RefusedCase("9110 §5.5: DEL in a value", 400, get("A: b\u{7F}c")),
        RefusedCase("9112 §6.3: two lengths", 400, get("Content-Length: 5\r\nContent-Length: 6")),
        RefusedCase("9112 §6.3: one length twice", 400, get("Content-Length: 5\r\nContent-Length: 5")),
        RefusedCase("9112 §6.3: a list of lengths", 400, get("Content-Length: 5, 5")),
        RefusedCase("9110 §8.6: +5", 400, get("Content-Length: +5")),
        RefusedCase("9110 §8.6: -5", 400, get("Content-Length: -5")),
        RefusedCase("9110 §8.6: an empty length", 400, get("Content-Length:")),
        RefusedCase("9110 §8.6: a hexadecimal length", 400, get("Content-Length: 0x5")),
        RefusedCase("9110 §8.6: a length with a fraction", 400, get("Content-Length: 5.0")),
        RefusedCase("9110 §8.6: a length cut by a space", 400, get("Content-Length: 5 5")),
        RefusedCase("9110 §8.6: a length beyond 64 bits", 413, get("Content-Length: 18446744073709551621")),
        RefusedCase("a body over the limit", 413, get("Content-Length: 99999999999")),
        RefusedCase(
            "9112 §6.1: length and coding together", 400, get("Content-Length: 5\r\nTransfer-Encoding: chunked")),
        RefusedCase(
            "9112 §6.1: coding and length together", 400, get("Transfer-Encoding: chunked\r\nContent-Length: 0")),
        RefusedCase("9112 §6.3: an unknown coding comes last", 400, get("Transfer-Encoding: gzip")),
        RefusedCase(
            "9112 §6.1: an unknown coding in a field before", 501,
            get("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked")),
        RefusedCase("9112 §6.1: an unknown coding before chunked", 501, get("Transfer-Encoding: gzip, chunked")),
        RefusedCase("9112 §6.3: identity is gone", 400, get("Transfer-Encoding: identity")),
        RefusedCase("9112 §6.3: a coding that looks like chunked", 400, get("Transfer-Encoding: xchunked")),
        RefusedCase("9112 §6.3: chunked is not last", 400, get("Transfer-Encoding: chunked, gzip")),
        RefusedCase("9112 §6.1: chunked twice", 400, get("Transfer-Encoding: chunked, chunked")),
        RefusedCase(
            "9112 §6.1: chunked in two fields", 400, get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
        RefusedCase("9112 §7: a parameter of chunked", 400, get("Transfer-Encoding: chunked;a=b")),
        RefusedCase("9112 §6.1: an empty coding", 400, get("Transfer-Encoding:")),
        RefusedCase("9112 §6.1: an empty element", 400, get("Transfer-Encoding: ,chunked")),
        RefusedCase("9112 §6.1: a quoted coding", 400, get("Transfer-Encoding: \"chunked\"")),
        RefusedCase("9112 §6.1: a control in the coding", 400, get("Transfer-Encoding: \u{B}chunked")),
        RefusedCase("9112 §6.1: a coding in HTTP/1.0", 400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        RefusedCase("9110 §10.1.1: another expectation", 417, get("Expect: 200-ok")),
        RefusedCase("9110 §10.1.1: another expectation beside the known", 417, get("Expect: 100-continue, a=b")),
    ]

    static let accepted: [AcceptedCase] = [
        AcceptedCase("9112 §3: the least request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AcceptedCase("9112 §3.2: HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n"),
        AcceptedCase("9112 §2.2: one empty line before", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AcceptedCase("9110 §9.1: an unknown method is the router's", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AcceptedCase("9112 §3.2.4: OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", path: "*"),
        AcceptedCase("9112 §3.2.2: the absolute form", path("http://b:80/c?d"), path: "/c"),
        AcceptedCase("9112 §3.2.2: the absolute form without path", path("HTTP://b?d"), path: "/"),
        AcceptedCase("9110 §6.2: a higher minor version", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        AcceptedCase(
            "9112 §3.2.4: OPTIONS for a whole server in the absolute form",
            "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n",
            path: "*"),
        AcceptedCase("3986 §3.2.2: an IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"),
        AcceptedCase("3986 §3.2.3: an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
        AcceptedCase("3986 §2.1: escapes are decoded once", path("/a%20b%2525"), path: "/a b%25"),
        AcceptedCase("3986 §2.1: UTF-8 in escapes", path("/%C3%A9t%c3%a9"), path: "/été"),
        AcceptedCase("3986 §5.2.4: dot segments", path("/a/b/c/./../../g"), path: "/a/g"),
        AcceptedCase("3986 §5.2.4: a last dot leaves the slash", path("/a/."), path: "/a/"),
        AcceptedCase("3986 §5.2.4: a last pair of dots leaves the slash", path("/a/b/.."), path: "/a/"),
        AcceptedCase("3986 §5.2.4: encoded dots are dots", path("/a/%2e%2e/b"), path: "/b"),
        AcceptedCase("3986 §3.3: empty segments stay", path("//a///b"), path: "//a///b"),
        AcceptedCase("3986 §3.3: three dots are a name", path("/..."), path: "/..."),
        AcceptedCase("9112 §5: no blank after the colon", get("A:b")),
        AcceptedCase("9110 §5.5: an empty value", get("A:")),
        AcceptedCase("9110 §5.5: bytes beyond ASCII in a value", get("A: é")),
        AcceptedCase("9110 §8.6: a length", get("Content-Length: 5"), .length(5)),
        AcceptedCase("9110 §8.6: a length of zero", get("Content-Length: 0"), .none),
        AcceptedCase("9110 §8.6: zeros before the length", get("Content-Length: 005"), .length(5)),
        AcceptedCase("9110 §5.5: blanks around the length", get("CONTENT-LENGTH: \t5\t "), .length(5)),
        AcceptedCase("9112 §7.1: chunked in any case", get("transfer-encoding: ChUnKeD"), .chunked),
        AcceptedCase("9110 §10.1.1: 100-continue in any case", get("Expect: 100-Continue")),
        AcceptedCase("9110 §5.6.1.2: empty elements of Expect", get("Expect: ,100-continue, , 100-continue")),
        AcceptedCase("9110 §10.1.1: HTTP/1.0 expects nothing", "GET / HTTP/1.0\r\nExpect: tea\r\n\r\n"),
    ]

    @Test(arguments: refused)
    func `what RFC 9112 forbids or leaves ambiguous is refused, however it is cut`(_ example: RefusedCase) {
        #expect(Verdict(parse([example.bytes])) == .refused(example.status))
        for pieces in example.bytes.splits {
            #expect(Verdict(parse(pieces)) == .refused(example.status), "cut at \(pieces[0].count)")
        }
    }

    @Test(arguments: accepted)
    func `what RFC 9112 allows is taken, however it is cut`(_ example: AcceptedCase) {
        let bytes = Array(example.text.utf8)
        let verdict = Verdict.complete(path: example.path, framing: example.framing, consumed: bytes.count)
        #expect(Verdict(parse([bytes])) == verdict)
        #expect(Verdict(parse([bytes + Array("GET /next".utf8)])) == verdict)
        for pieces in bytes.splits { #expect(Verdict(parse(pieces)) == verdict, "cut at \(pieces[0].count)") }
    }

    @Test(arguments: accepted)
    func `no beginning of a request is complete or refused`(_ example: AcceptedCase) {
        let bytes = Array(example.text.utf8)
        for count in 0..<bytes.count { #expect(Verdict(parse([Array(bytes[..<count])])) == .needMore) }
    }

    @Test func `the head carries what the request said`() throws {
        let parsed = try request(
            "POST /a%20b?x=1&y=a+b%26&&z&x=2 HTTP/1.1\r\nHost: a:80\r\nAccept:  text/html \r\nX: 1\r\nx: 2\r\n\r\n")
        #expect(parsed.head.method == "POST")
        #expect(parsed.head.target == "/a%20b?x=1&y=a+b%26&&z&x=2")
        #expect(parsed.head.path == "/a b")
        #expect(
            parsed.head.query == [QueryItem("x", "1"), QueryItem("y", "a b&"), QueryItem("z", ""), QueryItem("x", "2")])
        #expect(parsed.head.fields["accept"] == "text/html")
        #expect(parsed.head.fields.values("X") == ["1", "2"])
        #expect(parsed.head.minorVersion == 1)
    }

    @Test func `the host of an absolute target replaces the Host field`() throws {
        let parsed = try request("GET http://b:81/c HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(parsed.head.fields.values("Host") == ["b:81"])
    }

    @Test(arguments: [
        ("[::]", true), ("[::1]:80", true), ("[1:2:3:4:5:6:7:8]", true), ("[1::8]", true), ("[1:2:3:4:5:6:7::]", true),
        ("[::ffff:192.0.2.1]", true), ("[1:2:3:4:5:6:192.0.2.1]", true), ("[FE80::ab]", true), ("[v1.a:b]", true),
        ("[]", false), ("[:]", false), ("[:::]", false), ("[1:2:3:4:5:6:7]", false), ("[1:2:3:4:5:6:7:8:9]", false),
        ("[1::2::3]", false), ("[12345::]", false), ("[::g]", false), ("[1:2:3:4:5:6:7:8::]", false), ("[::1:]", false),
        ("[1:2:3:4:5:6:7:192.0.2.1]", false), ("[::256.0.0.1]", false), ("[::1.2.3]", false), ("[::01.2.3.4]", false),
        ("[192.0.2.1]", false), ("[fe80::1%25eth0]", false), ("[v.a]", false), ("[v1.]", false), ("[::1]a", false),
        ("[::1", false), ("::1", false), ("a:80:80", false), ("a%4g", false), ("a%41", true), ("1.2.3.4.5", true),
    ])
    func `a host is a name or an IP literal (RFC 3986 §3.2.2)`(_ host: String, _ isValid: Bool) {
        let verdict = Verdict(parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n"))
        #expect((verdict == .refused(400)) == !isValid, "\(verdict)")
    }

    @Test func `an https URI is answered on a connection with TLS`() {
        var parser = RequestParser(isSecured: true)
        let bytes = Array("GET https://b/c HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let verdict = Verdict(bytes.withUnsafeBytes { parser.parse($0) })
        #expect(verdict == .complete(path: "/c", framing: .none, consumed: bytes.count))
    }

    @Test func `a value that is not UTF-8 keeps its bytes as Latin-1`() throws {
        let bytes = Array("GET / HTTP/1.0\r\nA: caf".utf8) + [0xE9] + Array("\r\n\r\n".utf8)
        guard case .complete(let parsed, _) = parse([bytes]) else {
            Issue.record("refused")
            return
        }
        #expect(parsed.head.fields["A"] == "café")
    }

    @Test(arguments: [
        ("HTTP/1.1", "X: y", true), ("HTTP/1.1", "Connection: close", false),
        ("HTTP/1.1", "Connection: x, CLOSE", false), ("HTTP/1.1", "Connection: closed", true),
        ("HTTP/1.0", "X: y", false), ("HTTP/1.0", "Connection: Keep-Alive", true),
        ("HTTP/1.0", "Connection: keep-alive, close", false),
        ("HTTP/1.0", "Connection: close\r\nConnection: keep-alive", false),
    ])
    func `version and Connection decide on keep-alive`(_ version: String, _ field: String, _ keeps: Bool) throws {
        // RFC 9112 §9.3
        #expect(try request("GET / \(version)\r\nHost: a\r\n\(field)\r\n\r\n").keepsAlive == keeps)
    }

    @Test func `only HTTP 1_1 expects 100-continue`() throws {
        #expect(try request(Self.get("Expect: 100-continue")).expectsContinue)
        #expect(try !request("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expectsContinue)
    }
}

struct MessageLimitsTests {
    private func limits(_ change: (inout MessageLimits) -> Void) -> MessageLimits {
        var limits = MessageLimits()
        change(&limits)
        return limits
    }

    /// The text is taken, and refused with `status` under the tighter limit, however it is cut.
    private func expect(_ text: String, at loose: MessageLimits, refused status: Int, at tight: MessageLimits) {
        let bytes = Array(text.utf8)
        let taken = Verdict(parse([bytes], limits: loose))
        guard case .complete = taken else {
            Issue.record("not taken at the limit: \(taken)")
            return
        }
        #expect(Verdict(parse([bytes], limits: tight)) == .refused(status))
        for pieces in bytes.splits {
            #expect(Verdict(parse(pieces, limits: loose)) == taken)
            #expect(Verdict(parse(pieces, limits: tight)) == .refused(status))
        }
    }

    @Test func `a request line one byte over its limit is refused with 414`() {
        expect(
            "GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", at: limits { $0.requestLineBytesMax = 17 }, refused: 414,
            at: limits { $0.requestLineBytesMax = 16 })
    }

    @Test func `a header section one byte over its limit is refused with 431`() {
        expect(
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", at: limits { $0.headerBytesMax = 17 }, refused: 431,
            at: limits { $0.headerBytesMax = 16 })
    }

    @Test func `one field over the limit is refused with 431`() {
        expect(
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", at: limits { $0.headerFieldsMax = 2 }, refused: 431,
            at: limits { $0.headerFieldsMax = 1 })
    }

    @Test func `one pair over the limit of the query is refused`() {
        expect(
            "GET /?a&b HTTP/1.1\r\nHost: a\r\n\r\n", at: limits { $0.queryItemsMax = 2 }, refused: 400,
            at: limits { $0.queryItemsMax = 1 })
    }

    @Test func `a length one byte over the limit of bodies is refused with 413`() {
        expect(
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n", at: limits { $0.bodyBytesMax = 10 },
            refused: 413, at: limits { $0.bodyBytesMax = 9 })
    }

    @Test func `a method one byte over the limit is refused with 501`() {
        expect(
            "ABCD / HTTP/1.1\r\nHost: a\r\n\r\n", at: limits { $0.methodBytesMax = 4 }, refused: 501,
            at: limits { $0.methodBytesMax = 3 })
    }

    @Test func `an endless line is refused without its end`() {
        #expect(Verdict(parse([Array(repeating: 0x41, count: 8194)])) == .refused(501))
        #expect(Verdict(parse([Array("GET /".utf8) + Array(repeating: 0x41, count: 8189)])) == .refused(414))
        let head = Array("GET / HTTP/1.1\r\nX: ".utf8)
        #expect(Verdict(parse([head + Array(repeating: 0x41, count: 32 * 1024)])) == .refused(431))
    }

    @Test func `the defaults take the largest head and a buffer of headBytesMax holds it`() {
        let limits = MessageLimits()
        let line = "GET /\(String(repeating: "a", count: limits.requestLineBytesMax - 14)) HTTP/1.1\r\n"
        let filler = limits.headerBytesMax - "Host: a\r\nX: \r\n\r\n".utf8.count
        let text = "\r\n\(line)Host: a\r\nX: \(String(repeating: "b", count: filler))\r\n\r\n"
        #expect(text.utf8.count == limits.headBytesMax)
        guard case .complete(_, let consumed) = parse(text) else {
            Issue.record("the largest head was not taken")
            return
        }
        #expect(consumed == limits.headBytesMax)
    }
}
