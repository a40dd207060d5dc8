extension FuzzTarget {
    var texts: [[UInt8]] {
        switch self {
        case .websocket:
            // Masked with zeros: text, a fragment and its end, a ping, a close, RSV1.
            [
                [0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69], [0x01, 0x81, 0, 0, 0, 0, 0xC3, 0x80, 0x81, 0, 0, 0, 0, 0xA9],
                [0x89, 0x80, 0, 0, 0, 0, 0x88, 0x82, 0, 0, 0, 0, 3, 0xE8], [0xC1, 0x80, 0, 0, 0, 0],
                [0x82, 0xFE, 0, 126, 1, 2, 3, 4] + [UInt8](repeating: 7, count: 126),
            ]
        default: lines.map { Array($0.utf8) }
        }
    }

    private var lines: [String] {
        switch self {
        case .connection: Self.requests + Self.requestsBeyondBounds
        case .chunked:
            [
                "5\r\nhello\r\n0\r\n\r\n", "A;a=b;c=\"d\\\"\"\r\n0123456789\r\n0\r\nX: y\r\nContent-Length: 5\r\n\r\n",
                "0\r\n\r\n", "00000000000000000001 ; a = b\r\nx\r\n0\r\n\r\n",
            ]
        case .multipart:
            [
                "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n",
                "x\r\n--B \t\r\ncontent-disposition:form-data;name=f;filename=\"a%22/\\\"b\"\r\n"
                    + "Content-Type: audio/wav\r\n\r\n"
                    + "\r\n--A\r\n-\r\n--B\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--B--",
            ]
        case .json:
            [
                "{\"a\":[1,-0.5e-7,true,false,null,\"\\u00e9\\uD834\\uDD1E\\n\"],\"b\":{\"c\":9223372036854775808}}",
                "[[[[]]]]", String(repeating: "[", count: 33) + String(repeating: "]", count: 33), "\"é𝄞\"",
                "{\"a\":1,\"a\":2}", "-0.0", "1e308",
            ]
        case .fields:
            [
                "bytes=0-4,-5, 10-,,999-", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994", "W/\"a\", \"b,c\" , *", "gzip;q=0.5, *;q=0, identity;q=1.000",
                "multipart/form-data; boundary=\"a\\\"b\"; charset=utf-8", "a=b&c=%C3%A9+d&&e",
            ]
        case .coding: ["", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "{\"state\":\"running\"}"]
        case .websocket: []
        }
    }

    private static func repeated(_ character: Character, _ count: Int) -> String {
        String(repeating: character, count: count)
    }

    /// Each is beyond one of the small bounds.
    private static let requestsBeyondBounds = [
        "GET /\(repeated("a", 70)) HTTP/1.1\r\nHost: a\r\n\r\n", repeated("M", 70) + " / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \(repeated("b", 256))\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\n\r\n",
        "GET /?a&b&c&d&e HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 513\r\n\r\n",
        "\(chunkedHead)100\r\n\(repeated("x", 256))\r\n101\r\n\(repeated("x", 257))\r\n0\r\n\r\n",
        "\(chunkedHead)1;\(repeated("e", 40))\r\nx\r\n0\r\n\r\n", "\(chunkedHead)0\r\nT: \(repeated("u", 64))\r\n\r\n",
        "\(chunkedHead)0\r\nA:\r\nB:\r\nC:\r\n\r\n",
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 65\r\n\r\n\(repeated("x", 65))GET / HTTP/1.0\r\n\r\n",
        "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n\(repeated("x", 64))\r\n"
            + "0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    ]

    private static let chunkedHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    private static let requests = [
        "GET /a/../b%20c?x=1&y=%41 HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nT: u\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: [::1]\r\nConnection: keep-alive, x\r\nExpect: 100-continue\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n",
        "GET http://b/ HTTP/1.0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\n\r\n",
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloHEAD / HTTP/2.0\r\n",
        "PUT /%2e%2e/%c3%a9 HTTP/1.2\r\nhOsT:a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    ]
}
