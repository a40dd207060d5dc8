extension ConformanceCase {
    static let connections: [ConformanceCase] = [
        .kept("§9.3: HTTP/1.1 stays", 200, 200, 200, text: get() + get() + get(), fields: ["Connection": nil]),
        .ended("§9.6: close", 200, text: get("Connection: close") + get(), fields: ["Connection": "close"]),
        .ended("§9.6: close in any case", 200, text: get("CONNECTION: CLOSE") + get(), fields: ["Connection": "close"]),
        .ended("§9.6: close in a list", 200, text: get("Connection: keep-alive, close") + get()),
        .ended("§9.6: close in a second field", 200, text: get("Connection: x\r\nConnection: close") + get()),
        .ended("§9.6: close among empty elements", 200, text: get("Connection: ,close,") + get()),
        .ended(
            "§9.6: close behind a body", 200, text: post("Connection: close\r\nContent-Length: 1", "x") + get(),
            body: "x"),
        .kept("§9.6: what only looks like close", 200, 200, text: get("Connection: closed, xclose") + get()),
        .kept(
            "§9.3: keep-alive in HTTP/1.1 says nothing", 200, 200, text: get("Connection: keep-alive") + get(),
            fields: ["Connection": nil]),
        .kept(
            "§9.3: HTTP/1.0 with keep-alive", 200, 200,
            text: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + get(), fields: ["Connection": "keep-alive"]),
        .ended(
            "§9.3: HTTP/1.0 with both", 200, text: "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n" + get()),
        .ended("§9.3: HTTP/1.0 without", 200, text: "GET / HTTP/1.0\r\n\r\n" + get()),
        .ended(
            "§6.1: HTTP/1.0 gets no chunks", 200, text: "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            fields: ["Transfer-Encoding": nil, "Content-Length": nil, "Connection": "close"], body: "stream"),
        .kept(
            "§6.1: HTTP/1.1 gets chunks", 200, text: target("/stream"),
            fields: ["Transfer-Encoding": "chunked", "Content-Length": nil], body: "stream"),
        .kept(
            "§9.3.2: pipelined requests with bodies", 200, 200, 200,
            text: post("Content-Length: 1", "x") + chunked("1\r\ny\r\n0\r\n\r\n") + get(), body: "x"),
        .ended("§9.6: a client that half-closes gets its answers", 200, 200, text: get() + get(), halfCloses: true),
        .ended("§8: half a head and the end", text: "GET / HTTP/1.1\r\nHo", halfCloses: true),
        .ended("§8: half a request line and the end", text: "GET / HT", halfCloses: true),
        .ended("§8: nothing but an empty line", text: "\r\n", halfCloses: true),
        .ended("§8: a request and half of another", 200, text: get() + "GET / HT", halfCloses: true),
        .refused("§9.6: nothing behind a refusal is answered", 400, text: "GET /\r\n\r\n" + get() + get()),
        .kept(
            "9110 §7.8: an unknown upgrade is passed over", 200,
            text: get("Connection: upgrade\r\nUpgrade: foo/2, h2c"), fields: ["Upgrade": nil]),
        .kept("9110 §7.8: an upgrade that Connection does not name", 200, text: get("Upgrade: websocket")),
    ]

    static let expectations: [ConformanceCase] = [
        .kept(
            "9110 §10.1.1: the body came along", 200, text: post("Expect: 100-continue\r\nContent-Length: 5", "hello"),
            body: "hello"),
        .kept(
            "9110 §10.1.1: in any case", 200, text: post("Expect: 100-CONTINUE\r\nContent-Length: 5", "hello"),
            body: "hello"),
        .kept(
            "9110 §10.1.1: in chunks", 200,
            text: post("Expect: 100-continue\r\nTransfer-Encoding: chunked", "1\r\na\r\n0\r\n\r\n"), body: "a"),
        .kept("9110 §10.1.1: without a body nothing is awaited", 200, 200, text: get("Expect: 100-continue") + get()),
        .kept("9110 §10.1.1: twice the same", 200, text: get("Expect: 100-continue, 100-continue")),
        .kept("9110 §5.6.1.2: empty", 200, text: get("Expect:")),
        .refused("9110 §10.1.1: another", 417, text: get("Expect: 200-ok")),
        .refused("9110 §10.1.1: another beside", 417, text: get("Expect: 100-continue, foo=\"bar\"")),
        .refused("9110 §10.1.1: another in a second field", 417, text: get("Expect: 100-continue\r\nExpect: foo")),
        .refused("9110 §10.1.1: with a parameter", 417, text: get("Expect: 100-continue;a=b")),
        .ended(
            "9110 §10.1.1: HTTP/1.0 expects nothing", 200,
            text: "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", body: "x"),
        .ended("9110 §10.1.1: HTTP/1.0 may say anything", 200, text: "GET / HTTP/1.0\r\nExpect: tea\r\n\r\n"),
    ]

    static let methods: [ConformanceCase] = [
        .kept(
            "9110 §9.3.2: HEAD is GET without content", 200, text: target("/", "HEAD"),
            fields: ["Content-Length": "2", "Content-Type": "text/plain"], body: "", isHead: true),
        .kept(
            "9110 §9.3.2: HEAD of a stream", 200, 200, text: target("/stream", "HEAD") + get(),
            fields: ["Content-Length": nil], body: "", isHead: true),
        .kept("9110 §9.3.2: HEAD of nothing", 404, text: target("/nowhere", "HEAD"), body: "", isHead: true),
        .ended("9110 §9.3.2: HEAD of HTTP/1.0", 200, text: "HEAD / HTTP/1.0\r\n\r\n", fields: ["Content-Length": "2"])
            .toHead,
        .kept("9110 §9.3.3: POST", 200, text: post("Content-Length: 1", "x"), body: "x"),
        .kept("9110 §9.3.4: PUT", 200, text: "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", body: "x"),
        .kept("5789 §2: PATCH", 200, text: "PATCH /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", body: "x"),
        .kept("9110 §9.3.5: DELETE", 200, text: target("/echo", "DELETE"), body: ""),
        .kept(
            "9110 §9.3.7: OPTIONS says what is allowed", 204, text: target("/", "OPTIONS"),
            fields: ["Allow": "GET, HEAD, OPTIONS", "Content-Length": nil]),
        .kept(
            "9110 §15.5.6: a method the resource lacks", 405, text: target("/", "DELETE"),
            fields: ["Allow": "GET, HEAD, OPTIONS"]),
        .kept(
            "9110 §15.5.6: POST where there is only GET", 405, 200,
            text: post("Content-Length: 1", "x", path: "/") + get(), fields: ["Allow": "GET, HEAD, OPTIONS"]),
        .kept("9110 §15.5.5: nothing there", 404, text: target("/nowhere")),
        .kept("9110 §9.1: a method nobody knows", 501, text: target("/", "BREW")),
        .kept("9110 §9.1: methods know case", 501, text: target("/", "get")),
        .kept("9110 §9.1: a token of signs", 501, text: target("/", "!#$%&'*+-.^_`|~")),
        .kept(
            "9110 §9.3.8: TRACE shows nothing", 405, text: "TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n",
            body: ""),
        .kept(
            "9110 §9.3.8: TRACE with content neither", 405, 200,
            text: "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" + get(), body: ""),
        .kept("9110 §9.1: WebDAV is not here", 501, text: target("/", "PROPFIND")),
    ]

    private var toHead: ConformanceCase {
        var copy = self
        copy.isHead = true
        return copy
    }
}
