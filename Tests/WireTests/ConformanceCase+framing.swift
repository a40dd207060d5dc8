extension ConformanceCase {
    static let lengths: [ConformanceCase] = [
        .kept("§6.2: a body of known length", 200, text: post("Content-Length: 5", "hello"), body: "hello"),
        .kept("§6.2: a length of zero", 200, text: post("Content-Length: 0"), body: ""),
        .kept("§6.3: neither length nor coding is no body", 200, 200, text: post("X: y") + get(), body: ""),
        .kept(
            "§6.2: a request behind a body", 200, 200, text: post("Content-Length: 5", "hello") + get(), body: "hello"),
        .kept(
            "§6.2: a body that looks like a request", 200, text: post("Content-Length: \(get().utf8.count)", get()),
            body: get()),
        .kept("9110 §8.6: zeros before the number", 200, text: post("Content-Length: 0005", "hello"), body: "hello"),
        .kept(
            "9110 §5.5: blanks around the number", 200, text: post("Content-Length: \t 5 \t", "hello"), body: "hello"),
        .kept(
            "9110 §9.3.1: a GET with content", 200, 200,
            text: "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get(), body: "abc"),
        .kept(
            "9110 §9.3.2: a HEAD with content", 200, 200,
            text: "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get(), isHead: true),
        .kept(
            "9110 §9.3.7: an OPTIONS with content", 204, 200,
            text: "OPTIONS /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get()),
        .kept(
            "9110 §9.3.5: a DELETE with content", 200, 200,
            text: "DELETE /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get(), body: "abc"),
        .kept(
            "§9.3: content that nobody reads is passed over", 200, 200,
            text: post("Content-Length: 5", "hello", path: "/unread") + get(), body: "unread"),
        .kept(
            "§9.3: content of a resource that is not there", 404, 200,
            text: post("Content-Length: 5", "hello", path: "/nowhere") + get()),
        .ended(
            "§9.3: content too long to be passed over ends the connection", 200,
            text: post("Content-Length: 100000", "hello", path: "/unread"), fields: ["Connection": "close"]),
        .ended("§9.3, HTTP/1.0: a body", 200, text: "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", body: "ab"),
        .ended("§6.2: a body cut off is no request", 400, text: post("Content-Length: 5", "hel"), halfCloses: true),
        .refused("§6.3: two lengths that differ", 400, text: post("Content-Length: 5\r\nContent-Length: 6", "hello!")),
        .refused("§6.3: one length twice", 400, text: post("Content-Length: 5\r\nContent-Length: 5", "hello")),
        .refused(
            "§6.3: a length twice in other case", 400, text: post("Content-Length: 5\r\ncontent-length: 0", "hello")),
        .refused("§6.3: a list of one length", 400, text: post("Content-Length: 5, 5", "hello")),
        .refused("§6.3: a list of two lengths", 400, text: post("Content-Length: 5,6", "hello")),
        .refused("§6.3: a comma behind the length", 400, text: post("Content-Length: 5,", "hello")),
        .refused("9110 §8.6: +5", 400, text: post("Content-Length: +5", "hello")),
        .refused("9110 §8.6: -5", 400, text: post("Content-Length: -5", "hello")),
        .refused("9110 §8.6: -0", 400, text: post("Content-Length: -0")),
        .refused("9110 §8.6: hexadecimal", 400, text: post("Content-Length: 0x5", "hello")),
        .refused("9110 §8.6: octal", 400, text: post("Content-Length: 0o5", "hello")),
        .refused("9110 §8.6: an exponent", 400, text: post("Content-Length: 5e0", "hello")),
        .refused("9110 §8.6: a fraction", 400, text: post("Content-Length: 5.0", "hello")),
        .refused("9110 §8.6: an underscore", 400, text: post("Content-Length: 1_0", "hellohello")),
        .refused("9110 §8.6: a space within", 400, text: post("Content-Length: 1 0", "hellohello")),
        .refused("9110 §8.6: letters", 400, text: post("Content-Length: five", "hello")),
        .refused("9110 §8.6: letters behind", 400, text: post("Content-Length: 5b", "hello")),
        .refused("9110 §8.6: empty", 400, text: post("Content-Length:", "hello")),
        .refused("9110 §8.6: quotes", 400, text: post("Content-Length: \"5\"", "hello")),
        .refused("9110 §8.6: a parameter", 400, text: post("Content-Length: 5;a=b", "hello")),
        .refused("9110 §8.6: digits of another script", 400, text: post("Content-Length: ٥", "hello")),
        .refused("9110 §8.6: a vertical tab", 400, text: post("Content-Length: \u{B}5", "hello")),
        .refused("9110 §8.6: more than 64 bits", 413, 400, text: post("Content-Length: 18446744073709551621", "hello")),
        .refused(
            "9110 §8.6: more than 128 bits", 413, 400,
            text: post("Content-Length: \(String(repeating: "9", count: 60))")),
        .refused("9110 §8.6: more than 64 bits, below zero", 400, text: post("Content-Length: -9223372036854775809")),
        .refused("9110 §15.5.14: more than is taken", 413, text: post("Content-Length: 99999999999")),
        .kept("§5: Content_Length is another field", 200, 200, text: post("Content_Length: 5") + get(), body: ""),
    ]

    static let codings: [ConformanceCase] = [
        .kept(
            "§7: chunked in any case", 200, text: post("TRANSFER-ENCODING: ChUnKeD", "1\r\na\r\n0\r\n\r\n"), body: "a"),
        .kept(
            "9110 §5.5: blanks around it", 200, text: post("Transfer-Encoding: \t chunked \t", "1\r\na\r\n0\r\n\r\n"),
            body: "a"),
        .kept(
            "9110 §9.3.1: a GET in chunks", 200, 200,
            text: "GET /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + get(),
            body: "a"),
        .refused(
            "§6.1: with a Content-Length", 400,
            text: post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n")),
        .refused(
            "§6.1: with a Content-Length before", 400,
            text: post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        .refused(
            "§6.1: with a Content-Length of zero", 400,
            text: post("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        .refused(
            "§6.1: an unknown coding and a length", 400,
            text: post("Content-Length: 5\r\nTransfer-Encoding: xchunked", "hello")),
        .refused("§6.1: in HTTP/1.0", 400, text: "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        .refused(
            "§6.1: in HTTP/1.0 with a length", 400,
            text: "POST /echo HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        .refused(
            "§6.1: in HTTP/1.0 with keep-alive", 400,
            text: "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        .refused("§6.3: chunked is not the last", 400, text: post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n")),
        .refused("§6.3: chunked is not there", 400, 501, text: post("Transfer-Encoding: gzip", "0\r\n\r\n")),
        .refused("§6.3: identity", 400, 501, text: post("Transfer-Encoding: identity", "0\r\n\r\n")),
        .refused("§6.3: identity behind chunked", 400, text: post("Transfer-Encoding: chunked, identity", "0\r\n\r\n")),
        .refused("§6.1: gzip and chunked", 501, text: post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n")),
        .refused("§6.1: identity and chunked", 501, text: post("Transfer-Encoding: identity, chunked", "0\r\n\r\n")),
        .refused("§6.1: a coding nobody knows", 501, text: post("Transfer-Encoding: cow, chunked", "0\r\n\r\n")),
        .refused(
            "§6.1: gzip and chunked in two fields", 501,
            text: post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        .refused("§6.1: chunked twice", 400, text: post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n")),
        .refused(
            "§6.1: chunked in two fields", 400,
            text: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        .refused(
            "§6.1: chunked and identity in two fields", 400,
            text: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n")),
        .refused(
            "§6.1: chunked and an empty field", 400,
            text: post("Transfer-Encoding: chunked\r\nTransfer-Encoding:", "0\r\n\r\n")),
        .refused("§7: a parameter", 400, text: post("Transfer-Encoding: chunked;q=1", "0\r\n\r\n")),
        .refused("§6.1: empty", 400, text: post("Transfer-Encoding:", "0\r\n\r\n")),
        .refused("§6.1: blanks", 400, text: post("Transfer-Encoding: \t ", "0\r\n\r\n")),
        .refused("§6.1: an empty element before", 400, text: post("Transfer-Encoding: ,chunked", "0\r\n\r\n")),
        .refused("§6.1: an empty element behind", 400, text: post("Transfer-Encoding: chunked,", "0\r\n\r\n")),
        .refused("§6.1: quotes", 400, text: post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n")),
        .refused("§6.1: single quotes", 400, 501, text: post("Transfer-Encoding: 'chunked'", "0\r\n\r\n")),
        .refused("§6.1: a vertical tab before", 400, text: post("Transfer-Encoding: \u{B}chunked", "0\r\n\r\n")),
        .refused("§6.1: a form feed behind", 400, text: post("Transfer-Encoding: chunked\u{C}", "0\r\n\r\n")),
        .refused("§6.1: a NUL behind", 400, text: post("Transfer-Encoding: chunked\u{0}", "0\r\n\r\n")),
        .refused(
            "§6.1: a no-break space behind", 400, 501, text: post("Transfer-Encoding: chunked\u{A0}", "0\r\n\r\n")),
        .refused("§6.1: a word that looks like it", 400, 501, text: post("Transfer-Encoding: xchunked", "0\r\n\r\n")),
        .refused("§6.1: a word that begins with it", 400, 501, text: post("Transfer-Encoding: chunkedx", "0\r\n\r\n")),
        .refused("§6.1: two words", 400, text: post("Transfer-Encoding: chunked chunked", "0\r\n\r\n")),
        .refused("§6.1: a semicolon for a comma", 400, text: post("Transfer-Encoding: gzip; chunked", "0\r\n\r\n")),
        .refused("§6.1: a bare CR before", 400, text: post("Transfer-Encoding:\rchunked", "0\r\n\r\n")),
        .refused("§5: a field in a value", 400, text: post("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n")),
        .kept(
            "§5: Transfer_Encoding is another field", 200, 200, text: post("Transfer_Encoding: chunked") + get(),
            body: ""),
        .kept(
            "§5: X-Transfer-Encoding as well", 200, 200, text: post("X-Transfer-Encoding: chunked") + get(), body: ""),
        .kept(
            "9110 §10.1.4: TE says nothing of this message", 200,
            text: get("TE: trailers, gzip;q=0.5\r\nConnection: TE")),
    ]

    static let chunks: [ConformanceCase] = [
        .kept("§7.1: chunks", 200, text: chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), body: "hello world"),
        .kept("§7.1: no content", 200, text: chunked("0\r\n\r\n"), body: ""),
        .kept(
            "§7.1: sizes in both cases", 200, text: chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
            body: "01234567890123456789"),
        .kept(
            "§7.1: zeros before the size", 200, text: chunked("00000000000000000005\r\nhello\r\n000\r\n\r\n"),
            body: "hello"),
        .kept("§7.1: CRLF in the data", 200, text: chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"), body: "\r\n\r\n"),
        .kept(
            "§7.1: data that look like the last chunk", 200, text: chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
            body: "0\r\n\r\n"),
        .kept("§7.1: a request behind the body", 200, 200, text: chunked("1\r\na\r\n0\r\n\r\n") + get(), body: "a"),
        .kept("§7.1.1: an extension", 200, text: chunked("1;a=b\r\na\r\n0;c\r\n\r\n"), body: "a"),
        .kept("§7.1.1: many extensions", 200, text: chunked("1;a;b=c;d=\"e\"\r\na\r\n0\r\n\r\n"), body: "a"),
        .kept("§7.1.1: a quoted extension", 200, text: chunked("1;a=\"b;c\\\"d\\\\ \"\r\na\r\n0\r\n\r\n"), body: "a"),
        .kept("§7.1.1: blanks in an extension", 200, text: chunked("1 \t; a = b ;c\r\na\r\n0\r\n\r\n"), body: "a"),
        .kept("§7.1.2: trailers", 200, text: chunked("1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n"), body: "a"),
        .kept(
            "9110 §6.5.1: a length in the trailers frames nothing", 200, 200,
            text: chunked("1\r\na\r\n0\r\nContent-Length: 50\r\n\r\n") + get(), body: "a"),
        .kept(
            "9110 §6.5.1: nor a coding", 200, 200, text: chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n") + get(),
            body: ""),
        .kept(
            "9110 §6.5.1: a Host in the trailers routes nothing", 200, 200,
            text: chunked("0\r\nHost: b\r\n\r\n") + host("a"), body: ""),
        .kept(
            "§9.3: chunks that nobody reads are passed over", 200, 200,
            text: post("Transfer-Encoding: chunked", "1\r\na\r\n0\r\n\r\n", path: "/unread") + get(), body: "unread"),
        .ended("§7.1: no last chunk is no request", 400, text: chunked("1\r\na\r\n"), halfCloses: true),
        .ended("§7.1: no end of the trailers either", 400, text: chunked("1\r\na\r\n0\r\n"), halfCloses: true),
        .refused("§7.1: no size", 400, text: chunked("\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: a blank before the size", 400, text: chunked(" 5\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: a blank behind the size", 400, text: chunked("5 \r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: a sign", 400, text: chunked("+5\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: below zero", 400, text: chunked("-5\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: 0x", 400, text: chunked("0x5\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: an underscore", 400, text: chunked("0_5\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: a comma", 400, text: chunked("5,5\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: a dot", 400, text: chunked("5.0\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: a letter beyond f", 400, text: chunked("g\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: a NUL behind the size", 400, text: chunked("5\u{0}\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: more than 64 bits", 400, 413, text: chunked("FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: 64 bits", 400, 413, text: chunked("FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: 2^64 + 5", 400, 413, text: chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1: the sign's bit", 400, 413, text: chunked("8000000000000000\r\nhello\r\n0\r\n\r\n")),
        .refused("9110 §15.5.14: more than is taken", 413, text: chunked("FFFFFFFFF\r\nhello")),
        .refused("§7.1: a byte for the CR behind the data", 400, text: chunked("5\r\nhello!\n0\r\n\r\n")),
        .refused("§7.1: a byte for the LF behind the data", 400, text: chunked("5\r\nhello\r!0\r\n\r\n")),
        .refused("§7.1: a byte for the LF behind the size", 400, text: chunked("5\r!hello\r\n0\r\n\r\n")),
        .refused("§7.1: data longer than its size", 400, text: chunked("5\r\nhello!!\r\n0\r\n\r\n")),
        .refused("§7.1: data shorter than its size", 400, text: chunked("5\r\nhel\r\n0\r\n\r\n")),
        .refused("§7.1: no CRLF behind the data", 400, text: chunked("5\r\nhello0\r\n\r\n")),
        .refused("§2.2: a bare LF behind the size", 400, text: chunked("5\nhello\r\n0\r\n\r\n")),
        .refused("§2.2: a bare CR behind the size", 400, text: chunked("5\rhello\r\n0\r\n\r\n")),
        .refused("§2.2: a bare LF behind the data", 400, text: chunked("5\r\nhello\n0\r\n\r\n")),
        .refused("§2.2: a bare CR behind the data", 400, text: chunked("5\r\nhello\r0\r\n\r\n")),
        .refused("§2.2: bare LFs at the end", 400, text: chunked("5\r\nhello\r\n0\n\n")),
        .refused("§2.2: a bare LF ends the trailers", 400, text: chunked("5\r\nhello\r\n0\r\n\n")),
        .refused("§7.1.1: a semicolon and nothing", 400, text: chunked("5;\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.1: a bare LF in an extension", 400, text: chunked("5;a\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.1: a bare CR in an extension", 400, text: chunked("5;a\rb\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.1: a NUL in an extension", 400, text: chunked("5;a=\u{0}\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.1: an open quote", 400, text: chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.1: a CRLF within quotes", 400, text: chunked("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.1: no value", 400, text: chunked("5;a=\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.1: no name", 400, text: chunked("5;=b\r\nhello\r\n0\r\n\r\n")),
        .refused(
            "§7.1.1: extensions without end", 400, 413, 431,
            text: chunked("5;a=\(String(repeating: "b", count: 20_000))\r\nhello\r\n0\r\n\r\n")),
        .refused("§7.1.2: a folded trailer", 400, text: chunked("0\r\nA: b\r\n c\r\n\r\n")),
        .refused("§7.1.2: a trailer without colon", 400, text: chunked("0\r\nabc\r\n\r\n")),
        .refused("§7.1.2: a blank before the colon of a trailer", 400, text: chunked("0\r\nA : b\r\n\r\n")),
        .refused("§7.1.2: a NUL in a trailer", 400, text: chunked("0\r\nA: \u{0}\r\n\r\n")),
        .refused("§7.1.2: a bare CR in a trailer", 400, text: chunked("0\r\nA: b\rc\r\n\r\n")),
        .refused(
            "9110 §5.4: trailers without end", 400, 413, 431,
            text: chunked("0\r\nA: \(String(repeating: "b", count: 9_000))\r\n\r\n")),
        .refused(
            "9110 §5.4: too many trailers", 400, 413, 431,
            text: chunked("0\r\n\(String(repeating: "A: b\r\n", count: 40))\r\n")),
    ]
}
