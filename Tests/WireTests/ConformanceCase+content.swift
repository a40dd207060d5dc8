extension ConformanceCase {
    private static let date = ConformanceApp.modified
    private static let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"
    private static let later = "Mon, 07 Nov 1994 00:00:00 GMT"
    private static let all = ConformanceApp.content

    static let conditions: [ConformanceCase] = [
        .kept(
            "9110 §8.8: validators come along", 200, text: file("X: y"),
            fields: ["ETag": "\"v1\"", "Last-Modified": date], body: all),
        .kept(
            "9110 §13.1.2: If-None-Match", 304, text: file("If-None-Match: \"v1\""),
            fields: ["ETag": "\"v1\"", "Content-Length": nil]),
        .kept("9110 §13.1.2: of another tag", 200, text: file("If-None-Match: \"v2\"")),
        .kept("9110 §13.1.2: of a list", 304, text: file("If-None-Match: \"v0\", W/\"v1\" ,\"v2\"")),
        .kept("9110 §13.1.2: of two fields", 304, text: file("If-None-Match: \"v0\"\r\nIf-None-Match: \"v1\"")),
        .kept("9110 §13.1.2: compares weakly", 304, text: file("If-None-Match: W/\"v1\"")),
        .kept("9110 §13.1.2: a weak one here", 304, text: file("If-None-Match: \"v1\"", path: "/weak")),
        .kept("9110 §13.1.2: anything", 304, text: file("If-None-Match: *")),
        .kept("9110 §13.1.2: of HEAD", 304, text: file("If-None-Match: \"v1\"", method: "HEAD"), isHead: true),
        .kept("9110 §13.1.2: of PUT", 412, text: file("If-None-Match: \"v1\"", method: "PUT")),
        .kept("9110 §13.1.2: anything, of PUT", 412, text: file("If-None-Match: *", method: "PUT")),
        .kept(
            "9110 §13.1.2: anything, where nothing is", 204,
            text: file("If-None-Match: *", method: "PUT", path: "/none")),
        .kept("9110 §8.8.3: tags know case", 200, text: file("If-None-Match: \"V1\"")),
        .kept("9110 §8.8.3: a tag without quotes is none", 200, text: file("If-None-Match: v1")),
        .kept("9110 §8.8.3: a small w is none", 200, text: file("If-None-Match: w/\"v1\"")),
        .kept("9110 §8.8.3: a comma within a tag", 200, text: file("If-None-Match: \"a,\\\"v1\\\"\"")),
        .kept("9110 §13.1.1: If-Match", 200, text: file("If-Match: \"v1\"")),
        .kept("9110 §13.1.1: of another tag", 412, text: file("If-Match: \"v2\"")),
        .kept("9110 §13.1.1: of a list", 204, text: file("If-Match: \"v0\", \"v1\"", method: "PUT")),
        .kept("9110 §13.1.1: compares strongly", 412, text: file("If-Match: W/\"v1\"")),
        .kept("9110 §13.1.1: a weak one here", 412, text: file("If-Match: W/\"v1\"", path: "/weak")),
        .kept("9110 §13.1.1: anything", 204, text: file("If-Match: *", method: "DELETE")),
        .kept("9110 §13.1.1: anything, where nothing is", 412, text: file("If-Match: *", method: "PUT", path: "/none")),
        .kept("9110 §13.1.3: If-Modified-Since the same", 304, text: file("If-Modified-Since: \(date)")),
        .kept("9110 §13.1.3: later", 304, text: file("If-Modified-Since: \(later)")),
        .kept("9110 §13.1.3: earlier", 200, text: file("If-Modified-Since: \(earlier)")),
        .kept("9110 §5.6.7: the date of RFC 850", 304, text: file("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT")),
        .kept("9110 §5.6.7: the date of asctime", 304, text: file("If-Modified-Since: Sun Nov  6 08:49:37 1994")),
        .kept("9110 §5.6.7: RFC 850, earlier", 200, text: file("If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT")),
        .kept("9110 §5.6.7: asctime, earlier", 200, text: file("If-Modified-Since: Sun Nov  6 08:49:36 1994")),
        .kept("9110 §13.1.3: no date is passed over", 200, text: file("If-Modified-Since: yesterday")),
        .kept(
            "9110 §13.1.3: two dates are passed over", 200,
            text: file("If-Modified-Since: \(date)\r\nIf-Modified-Since: \(date)")),
        .kept(
            "9110 §5.6.7: no other zone is known", 200, text: file("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 CET")),
        .kept("9110 §13.1.3: of PUT it is passed over", 204, text: file("If-Modified-Since: \(date)", method: "PUT")),
        .kept(
            "9110 §13.1.3: a resource without a date", 200, text: file("If-Modified-Since: \(date)", path: "/undated")),
        .kept("9110 §13.1.4: If-Unmodified-Since the same", 200, text: file("If-Unmodified-Since: \(date)")),
        .kept("9110 §13.1.4: earlier", 412, text: file("If-Unmodified-Since: \(earlier)")),
        .kept("9110 §13.1.4: earlier, of PUT", 412, text: file("If-Unmodified-Since: \(earlier)", method: "PUT")),
        .kept("9110 §13.1.4: no date is passed over", 200, text: file("If-Unmodified-Since: never")),
        .kept(
            "9110 §13.2.2: If-None-Match before If-Modified-Since", 200,
            text: file("If-None-Match: \"v2\"\r\nIf-Modified-Since: \(later)")),
        .kept(
            "9110 §13.2.2: whichever comes first", 304,
            text: file("If-Modified-Since: \(earlier)\r\nIf-None-Match: \"v1\"")),
        .kept(
            "9110 §13.2.2: If-Match before If-Unmodified-Since", 200,
            text: file("If-Match: \"v1\"\r\nIf-Unmodified-Since: \(earlier)")),
        .kept(
            "9110 §13.2.2: If-Match goes first", 412, text: file("If-None-Match: \"v1\"\r\nIf-Match: \"v2\"")),
        .kept("9110 §13.2.1: no condition on what is not there", 404, text: target("/nowhere")),
    ]

    private static func part(_ range: String, _ text: String) -> String {
        "--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes \(range)/26\r\n\r\n\(text)\r\n"
    }

    private static func ranged(_ rule: String, _ range: String, _ contentRange: String, _ body: String)
        -> ConformanceCase
    {
        .kept(
            rule, 206, text: file("Range: \(range)"),
            fields: ["Content-Range": contentRange, "Content-Length": "\(body.utf8.count)"], body: body)
    }

    static let ranges: [ConformanceCase] = [
        .kept(
            "9110 §14.3: ranges are taken", 200, text: file("X: y"),
            fields: ["Accept-Ranges": "bytes", "Content-Range": nil]),
        ranged("9110 §14.1.2: from, to", "bytes=0-4", "bytes 0-4/26", "abcde"),
        ranged("9110 §14.1.2: one byte", "bytes=25-25", "bytes 25-25/26", "z"),
        ranged("9110 §14.1.2: to the end", "bytes=20-", "bytes 20-25/26", "uvwxyz"),
        ranged("9110 §14.1.2: beyond the end", "bytes=20-99", "bytes 20-25/26", "uvwxyz"),
        ranged("9110 §14.1.2: beyond 64 bits", "bytes=20-99999999999999999999", "bytes 20-25/26", "uvwxyz"),
        ranged("9110 §14.1.2: the last bytes", "bytes=-3", "bytes 23-25/26", "xyz"),
        ranged("9110 §14.1.2: more last bytes than there are", "bytes=-99", "bytes 0-25/26", all),
        ranged("9110 §14.1: the unit in any case", "BYTES=0-0", "bytes 0-0/26", "a"),
        ranged("9110 §5.6.1.2: empty elements", "bytes=,0-0, ,", "bytes 0-0/26", "a"),
        ranged("9110 §14.2: one of two can be met", "bytes=0-1,90-99", "bytes 0-1/26", "ab"),
        .kept(
            "9110 §14.6: several", 206, text: file("Range: bytes=0-1, 4-5,-1"),
            fields: ["Content-Type": "multipart/byteranges; boundary=BOUNDARY", "Content-Range": nil],
            body: part("0-1", "ab") + part("4-5", "ef") + part("25-25", "z") + "--BOUNDARY--\r\n"),
        .kept(
            "9110 §14.2: in the order asked for", 206, text: file("Range: bytes=5-5,1-1"),
            body: part("5-5", "f") + part("1-1", "b") + "--BOUNDARY--\r\n"),
        .kept("9110 §14.2: several that are more than the whole", 200, text: file("Range: bytes=0-20,5-25"), body: all),
        .kept(
            "9110 §17.15: too many", 200,
            text: file("Range: bytes=\((0..<17).map { "\($0)-\($0)" }.joined(separator: ","))"), body: all),
        .kept(
            "9110 §15.5.17: beyond the end", 416, text: file("Range: bytes=26-"),
            fields: ["Content-Range": "bytes */26"]),
        .kept(
            "9110 §15.5.17: all beyond the end", 416, text: file("Range: bytes=26-30,99-"),
            fields: ["Content-Range": "bytes */26"]),
        .kept(
            "9110 §14.1.2: the last 0 bytes", 416, text: file("Range: bytes=-0"),
            fields: ["Content-Range": "bytes */26"]),
        .kept(
            "9110 §15.5.17: of an empty file", 416, text: file("Range: bytes=0-", path: "/empty"),
            fields: ["Content-Range": "bytes */0"]),
        .kept("9110 §14.1.2: from behind to", 200, text: file("Range: bytes=5-2"), body: all),
        .kept("9110 §14.2: another unit", 200, text: file("Range: lines=0-1"), body: all),
        .kept("9110 §14.2: no unit", 200, text: file("Range: 0-1"), body: all),
        .kept("9110 §14.2: no range", 200, text: file("Range: bytes="), body: all),
        .kept("9110 §14.2: only a dash", 200, text: file("Range: bytes=-"), body: all),
        .kept("9110 §14.2: letters", 200, text: file("Range: bytes=a-b"), body: all),
        .kept("9110 §14.2: a sign", 200, text: file("Range: bytes=+1-2"), body: all),
        .kept("9110 §14.2: two dashes", 200, text: file("Range: bytes=1--2"), body: all),
        .kept("9110 §14.2: one good, one malformed", 200, text: file("Range: bytes=0-1,x"), body: all),
        .kept("9110 §14.2: blanks around the equals sign", 200, text: file("Range: bytes = 0-1"), body: all),
        .kept("9110 §14.2: two fields", 200, text: file("Range: bytes=0-1\r\nRange: bytes=2-3"), body: all),
        .kept(
            "9110 §14.2: of HEAD it is passed over", 200, text: file("Range: bytes=0-1", method: "HEAD"),
            fields: ["Content-Length": "26", "Content-Range": nil], isHead: true),
        .kept(
            "9110 §13.1.5: If-Range with the tag", 206, text: file("Range: bytes=0-1\r\nIf-Range: \"v1\""), body: "ab"),
        .kept("9110 §13.1.5: with another", 200, text: file("Range: bytes=0-1\r\nIf-Range: \"v2\""), body: all),
        .kept(
            "9110 §13.1.5: a weak one never matches", 200,
            text: file("Range: bytes=0-1\r\nIf-Range: W/\"v1\"", path: "/weak"), body: all),
        .kept("9110 §13.1.5: with the date", 206, text: file("Range: bytes=0-1\r\nIf-Range: \(date)"), body: "ab"),
        .kept(
            "9110 §13.1.5: a later date is another", 200, text: file("Range: bytes=0-1\r\nIf-Range: \(later)"),
            body: all),
        .kept("9110 §13.1.5: neither tag nor date", 200, text: file("Range: bytes=0-1\r\nIf-Range: v1"), body: all),
        .kept("9110 §13.1.5: without Range it is passed over", 200, text: file("If-Range: \"v1\""), body: all),
        .kept(
            "9110 §13.1.5: beyond the end, and the file is another", 200,
            text: file("Range: bytes=99-\r\nIf-Range: \"v2\""), body: all),
        .kept("9110 §13.2.2: 304 before 206", 304, text: file("Range: bytes=0-1\r\nIf-None-Match: \"v1\"")),
        .kept("9110 §13.2.2: 412 before 416", 412, text: file("Range: bytes=99-\r\nIf-Match: \"v2\"")),
    ]

    private static func text(_ rule: String, _ accept: String?, gzip: Bool) -> ConformanceCase {
        .kept(
            rule, 200, text: file(accept.map { "Accept-Encoding: \($0)" } ?? "X: y", path: "/text"),
            fields: ["Content-Encoding": gzip ? "gzip" : nil, "Vary": "Accept-Encoding"],
            body: gzip ? nil : ConformanceApp.text)
    }

    private static func unacceptable(_ rule: String, _ accept: String) -> ConformanceCase {
        .kept(rule, 406, text: file("Accept-Encoding: \(accept)", path: "/text"))
    }

    static let contentCodings: [ConformanceCase] = [
        text("9110 §12.5.3: no field", nil, gzip: false),
        text("9110 §12.5.3: an empty field", "", gzip: false),
        text("9110 §12.5.3: gzip", "gzip", gzip: true),
        text("9110 §8.4.1: in any case", "GZip", gzip: true),
        text("9110 §8.4.1.3: x-gzip", "x-gzip", gzip: true),
        text("9110 §12.5.3: as browsers send it", "gzip, deflate, br, zstd", gzip: true),
        text("9110 §12.5.3: others only", "br, deflate", gzip: false),
        text("9110 §12.4.2: refused", "gzip;q=0", gzip: false),
        text("9110 §12.4.2: refused with digits", "gzip;q=0.000", gzip: false),
        text("9110 §12.4.2: hardly wanted", "gzip;q=0.001", gzip: true),
        text("9110 §12.4.2: identity rather", "gzip;q=0.5, identity;q=0.8", gzip: false),
        text("9110 §12.4.2: gzip rather", "gzip;q=0.8, identity;q=0.5", gzip: true),
        text("9110 §12.5.3: anything", "*", gzip: true),
        text("9110 §12.5.3: anything but gzip", "gzip;q=0, *", gzip: false),
        text("9110 §12.5.3: gzip and nothing else", "gzip, *;q=0", gzip: true),
        text("9110 §12.5.3: identity and nothing else", "identity, *;q=0", gzip: false),
        text("9110 §12.5.3: gzip, not identity", "gzip, identity;q=0", gzip: true),
        text("9110 §12.4.2: a weight beyond 1 is no field", "gzip;q=1.5", gzip: false),
        text("9110 §12.4.2: a weight of four digits neither", "gzip;q=0.1234", gzip: false),
        unacceptable("9110 §15.5.7: nothing at all", "*;q=0"),
        unacceptable("9110 §15.5.7: neither gzip nor identity", "gzip;q=0, identity;q=0"),
        unacceptable("9110 §15.5.7: only what is not here", "br, *;q=0"),
    ]
}
