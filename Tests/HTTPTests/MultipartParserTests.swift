import HTTP
import Testing

/// What a parser told, in words; content is joined, so that no cut of the bytes shows.
private func parse(_ pieces: [[UInt8]], limits: MultipartLimits = MultipartLimits()) -> [String] {
    guard var parser = MultipartParser(boundary: "B", limits: limits) else { return ["no parser"] }
    var log: [String] = []
    var content: [UInt8] = []
    var unread: [UInt8] = []
    for piece in pieces {
        unread += piece
        pull: while true {
            let consumed: Int
            switch unread.withUnsafeBytes({ parser.parse($0) }) {
            case .needMore(let taken):
                unread.removeFirst(taken)
                break pull
            case .partBegin(let head, let taken):
                consumed = taken
                content = []
                log.append(
                    [head.name, head.filename, head.contentType?.essence].compactMap(\.self).joined(separator: "|"))
            case .data(let range, let taken):
                consumed = taken
                content += unread[range]
            case .partEnd(let taken):
                consumed = taken
                log.append("= " + String(decoding: content, as: UTF8.self))
            case .end(let taken):
                consumed = taken
                log.append("end")
            case .failed(let error): return log + ["\(error)"]
            }
            unread.removeFirst(consumed)
        }
    }
    return log + (parser.isFinished ? [] : ["more"])
}

private func parse(_ text: String, limits: MultipartLimits = MultipartLimits()) -> [String] {
    parse([Array(text.utf8)], limits: limits)
}

private func form(_ disposition: String, fields: String = "", content: String = "x") -> String {
    "--B\r\nContent-Disposition: \(disposition)\r\n\(fields)\r\n\(content)\r\n--B--\r\n"
}

private func disposition(_ parameters: String) -> String { form("form-data; name=\"f\"; \(parameters)") }

struct MultipartParserTests {
    private static let two =
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\n"
        + "Content-Disposition: form-data; name=\"file\"; filename=\"song.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n"
        + "\r\n--\r\n-B\r\n--C\r\n\r\n--B--\r\n"

    @Test(arguments: [
        ("RFC 7578 §4: two parts", two, ["a", "= 1", "file|song.mp3|audio/mpeg", "= \r\n--\r\n-B\r\n--C\r\n", "end"]),
        ("RFC 2046 §5.1.1: an empty part", form("form-data; name=\"a\"", content: ""), ["a", "= ", "end"]),
        ("RFC 2046 §5.1.1: a body without parts", "--B--\r\n", ["end"]),
        ("RFC 2046 §5.1.1: preamble and epilogue", "hi\r\n" + form("form-data; name=a") + "bye", ["a", "= x", "end"]),
        (
            "RFC 2046 §5.1.1: blanks after the boundary",
            "--B \t\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--B-- ",
            ["a", "= x", "end"]
        ),
        (
            "content that ends in carriage returns", form("form-data; name=a", content: "x\r\r\n\r"),
            ["a", "= x\r\r\n\r", "end"]
        ),
        (
            "content that looks like a delimiter", form("form-data; name=a", content: "--B\r\n--A\r\n-"),
            ["a", "= --B\r\n--A\r\n-", "end"]
        ),
        ("other fields are passed over", form("form-data; name=a", fields: "X-A: b\r\n"), ["a", "= x", "end"]),
        (
            "RFC 7578 §4.7: an encoding that changes nothing",
            form("form-data; name=a", fields: "Content-Transfer-Encoding: Binary\r\n"), ["a", "= x", "end"]
        ),
        ("the body ends too early", "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nxy\r\n", ["a", "more"]),
    ])
    func `a form is read, however it is cut`(_ rule: String, _ text: String, _ log: [String]) {
        let bytes = Array(text.utf8)
        #expect(parse([bytes]) == log)
        for pieces in bytes.splits { #expect(parse(pieces) == log, "cut at \(pieces[0].count)") }
    }

    @Test(arguments: [
        ("a delimiter that goes on", "--Bx\r\n"), ("a delimiter with one dash", "--B-\r\n"),
        ("a delimiter within content that goes on", form("form-data; name=a", content: "x\r\n--BC")),
        ("a delimiter line without CR", "--B\nContent-Disposition: form-data; name=a\r\n\r\n"),
        ("a delimiter line with a bare CR", "--B\rContent-Disposition: form-data; name=a\r\n\r\n"),
        ("a part without fields", "--B\r\n\r\nx\r\n--B--"),
        ("a part without Content-Disposition", "--B\r\nContent-Type: a/b\r\n\r\nx\r\n--B--"),
        ("a part without name", form("form-data; filename=a")), ("another disposition", form("attachment; name=a")),
        ("two dispositions", form("form-data; name=a", fields: "Content-Disposition: form-data; name=b\r\n")),
        ("a name twice", form("form-data; name=a; name=b")), ("an open quote", form("form-data; name=\"a")),
        ("a NUL in the name", form("form-data; name=\"a\u{0}\"")),
        ("a bare LF in a field", form("form-data; name=a\n")),
        ("a bare CR in a field", form("form-data; name=\"a\rb\"")), ("a folded field", form("form-data;\r\n name=a")),
        ("a malformed type", form("form-data; name=a", fields: "Content-Type: audio\r\n")),
        ("base64", form("form-data; name=a", fields: "Content-Transfer-Encoding: base64\r\n")),
        ("an epilogue beyond its limit", "--B--" + String(repeating: "x", count: 1025)),
        ("a preamble beyond its limit", String(repeating: "x", count: 1025)),
    ])
    func `a malformed form is an error, however it is cut`(_ rule: String, _ text: String) {
        let bytes = Array(text.utf8)
        #expect(parse([bytes]).last?.hasPrefix("malformed") == true)
        for pieces in bytes.splits { #expect(parse(pieces).last?.hasPrefix("malformed") == true) }
    }

    @Test(arguments: [
        ("filename=\"a b.mp3\"", "a b.mp3"), ("filename=song.mp3", "song.mp3"), ("filename=\"\"", ""),
        ("filename=\"été.mp3\"", "été.mp3"), ("filename=\"a\\\"b\"", "a\"b"), ("filename=\"a;b\"", "a;b"),
        ("filename=\"../../etc/passwd\"", "passwd"), ("filename=\"C:\\music\\song.mp3\"", "song.mp3"),
        ("filename=\"a/\"", "a"), ("filename=\"%22x%22\"", "\"x\""), ("filename=\"%41%2\"", "%41%2"),
        ("filename=\"a%0D%0Ab\"", "a%0D%0Ab"), ("filename=\"100%\"", "100%"),
        ("filename=\"x\"; filename*=UTF-8''%c3%a9", "x"),
    ])
    func `a file name is its last component, and the extended form is not looked at (RFC 7578 §4.2)`(
        _ parameters: String, _ filename: String
    ) {
        #expect(parse(disposition(parameters)) == [filename.isEmpty ? "f|" : "f|\(filename)", "= x", "end"])
        #expect(parse(disposition("filename*=utf-8'fr'%C3%A9")) == ["f", "= x", "end"])
    }

    @Test(arguments: ["", "a ", "a\"b", "a\r\nb", "é", "a;b", String(repeating: "a", count: 71)])
    func `a boundary outside RFC 2046 is refused`(_ boundary: String) {
        #expect(MultipartParser(boundary: boundary) == nil)
    }

    @Test func `each limit is held`() {
        func limits(_ change: (inout MultipartLimits) -> Void) -> MultipartLimits {
            var limits = MultipartLimits()
            change(&limits)
            return limits
        }
        #expect(parse(Self.two, limits: limits { $0.partsMax = 2 }).last == "end")
        #expect(parse(Self.two, limits: limits { $0.partsMax = 1 }).last == "tooManyParts(partsMax: 1)")
        let one = form("form-data; name=a", fields: "X: y\r\n")
        let headBytes = "Content-Disposition: form-data; name=a\r\nX: y\r\n\r\n".utf8.count
        #expect(parse(one, limits: limits { $0.partHeadBytesMax = headBytes }).last == "end")
        let tight = parse(one, limits: limits { $0.partHeadBytesMax = headBytes - 1 }).last
        #expect(tight == "partHeadTooLarge(bytesMax: \(headBytes - 1))")
        #expect(parse("p" + "\r\n--B--", limits: limits { $0.preambleBytesMax = 1 }).last == "end")
        #expect(
            parse("pp" + "\r\n--B--", limits: limits { $0.preambleBytesMax = 1 }).last?.hasPrefix("malformed") == true)
        #expect(parse("--B--e", limits: limits { $0.epilogueBytesMax = 1 }).last == "end")
        #expect(parse("--B--ee", limits: limits { $0.epilogueBytesMax = 1 }).last?.hasPrefix("malformed") == true)
        #expect(parse(one, limits: limits { $0.partFieldsMax = 2 }).last == "end")
        #expect(parse(one, limits: limits { $0.partFieldsMax = 1 }).last?.hasPrefix("malformed") == true)
    }
}
