import HTTP
import Testing

/// Forms byte by byte as browsers and curl write them, read through the request's own fields, in pieces of every size.
struct MultipartBrowserTests {
    struct Form: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let contentType: String
        let body: [UInt8]
        /// Name, file name, type and content of each part.
        let parts: [[String?]]
    }

    private static func form(
        _ name: String, boundary: String, quoted: Bool = false, _ heads: [(String, [UInt8])], _ parts: [[String?]],
        tail: String = "\r\n"
    ) -> Form {
        var body: [UInt8] = []
        for (head, content) in heads {
            body += Array("--\(boundary)\r\n\(head)\r\n\r\n".utf8) + content + [0x0D, 0x0A]
        }
        body += Array("--\(boundary)--\(tail)".utf8)
        let parameter = quoted ? "\"\(boundary)\"" : boundary
        return Form(
            testDescription: name, contentType: "multipart/form-data; boundary=\(parameter)", body: body, parts: parts)
    }

    private static let field = "Content-Disposition: form-data; name"

    private static let forms: [Form] = [
        form(
            "Chrome: a field and a file", boundary: "----WebKitFormBoundary7MA4YWxkTrZu0gW",
            [
                ("\(field)=\"service\"", Array("separate".utf8)),
                (
                    "\(field)=\"file\"; filename=\"mix.wav\"\r\nContent-Type: audio/wav",
                    Array("RIFF\r\n------WebKitFormBoundary7MA4YWxkTrZu0g\r\n--".utf8)
                ),
            ],
            [
                ["service", nil, nil, "separate"],
                ["file", "mix.wav", "audio/wav", "RIFF\r\n------WebKitFormBoundary7MA4YWxkTrZu0g\r\n--"],
            ]),
        form(
            "Chrome: a quote, a line end and a percent sign in names",
            boundary: "----WebKitFormBoundaryAAAAAAAAAAAAAAAA",
            [
                ("\(field)=\"a%22b\"", Array("1".utf8)),
                ("\(field)=\"f\"; filename=\"so %22far%22 100%.wav\"\r\nContent-Type: audio/wav", [0, 255]),
                ("\(field)=\"g\"; filename=\"two%0D%0Alines\"\r\nContent-Type: application/octet-stream", []),
            ],
            [
                ["a\"b", nil, nil, "1"], ["f", "so \"far\" 100%.wav", "audio/wav", "\0\u{FFFD}"],
                ["g", "two%0D%0Alines", "application/octet-stream", ""],
            ]),
        form(
            "Chrome: no file chosen", boundary: "----WebKitFormBoundaryBBBBBBBBBBBBBBBB",
            [("\(field)=\"file\"; filename=\"\"\r\nContent-Type: application/octet-stream", [])],
            [["file", "", "application/octet-stream", ""]]),
        form(
            "Firefox: digits and UTF-8 names", boundary: "---------------------------9051914041544843365972754266",
            [
                ("\(field)=\"titre\"", Array("Été\r\nà Paris".utf8)),
                ("\(field)=\"fichier\"; filename=\"Été 東京 🎵.mp3\"\r\nContent-Type: audio/mpeg", Array("ID3".utf8)),
            ],
            [["titre", nil, nil, "Été\r\nà Paris"], ["fichier", "Été 東京 🎵.mp3", "audio/mpeg", "ID3"]]),
        form(
            "Firefox: hexadecimal boundary", boundary: "----geckoformboundaryf3a1c5d2e8b94f7a6c0d1e2f3a4b5c6d",
            [("\(field)=\"files[]\"; filename=\"a;b=c.wav\"\r\nContent-Type: audio/x-wav", Array("x".utf8))],
            [["files[]", "a;b=c.wav", "audio/x-wav", "x"]]),
        form(
            "Firefox before 90: an escaped quote", boundary: "-----------------------------7da24f2e50046",
            [("\(field)=\"f\"; filename=\"a \\\"b\\\".wav\"\r\nContent-Type: audio/wav", Array("x".utf8))],
            [["f", "a \"b\".wav", "audio/wav", "x"]]),
        form(
            "Safari: many small parts", boundary: "----WebKitFormBoundaryzzzzzzzzzzzzzzzz",
            (0..<20).map { ("\(field)=\"p\($0)\"", Array("\($0)".utf8)) },
            (0..<20).map { ["p\($0)", nil, nil, "\($0)"] }),
        form(
            "a browser of Windows: a whole path", boundary: "---------------------------7d44e178b0434",
            [("\(field)=\"f\"; filename=\"C:\\Users\\me\\song.wav\"\r\nContent-Type: audio/wav", Array("x".utf8))],
            [["f", "song.wav", "audio/wav", "x"]]),
        form(
            "fetch: a Blob and JSON", boundary: "----WebKitFormBoundaryCCCCCCCCCCCCCCCC",
            [
                ("\(field)=\"f\"; filename=\"blob\"\r\nContent-Type: application/json", Array("{\"a\":1}".utf8)),
                ("\(field)=\"t\"; filename=\"t.txt\"\r\nContent-Type: text/plain;charset=utf-8", Array("é".utf8)),
            ],
            [["f", "blob", "application/json", "{\"a\":1}"], ["t", "t.txt", "text/plain", "é"]]),
        form(
            "curl", boundary: "------------------------d74496d66958873e",
            [("\(field)=\"file\"; filename=\"a.flac\"\r\nContent-Type: application/octet-stream", Array("fLaC".utf8))],
            [["file", "a.flac", "application/octet-stream", "fLaC"]]),
        form(
            "a library: a quoted boundary with signs, a length in the part, no last line end",
            boundary: "=_Part'(1+2)_,-./:=? 9", quoted: true,
            [("\(field)=\"f\"\r\nContent-Length: 1\r\nContent-Transfer-Encoding: binary", Array("x".utf8))],
            [["f", nil, nil, "x"]], tail: ""),
        form(
            "small letters and no blanks", boundary: "b",
            [("content-disposition:form-data;name=\"f\";filename=\"g\"\r\ncontent-type:a/b", Array("x".utf8))],
            [["f", "g", "a/b", "x"]]),
    ]

    @Test(arguments: forms)
    func `what browsers send is read, in pieces of every size`(_ form: Form) async throws {
        for size in [1, 2, 3, 7, 16, 61, 100, 1000, form.body.count] {
            let pieces = stride(from: 0, to: form.body.count, by: size).map {
                Array(form.body[$0..<min($0 + size, form.body.count)])
            }
            #expect(try await read(form, pieces) == form.parts, "pieces of \(size)")
        }
        for cut in 1..<form.body.count {
            let pieces = [Array(form.body[..<cut]), Array(form.body[cut...])]
            #expect(try await read(form, pieces) == form.parts, "cut at \(cut)")
        }
    }

    private func read(_ form: Form, _ pieces: [[UInt8]]) async throws -> [[String?]] {
        var head = RequestHead(method: "POST", target: "/", path: "/")
        head.fields.append("Content-Type", form.contentType)
        let rest = Pieces(pieces)
        let body = RequestBody(declaredLength: form.body.count) { () async throws(BodyError) in rest.next() }
        let reader = try MultipartReader(Request(head: head, body: body))
        var parts: [[String?]] = []
        while let part = try await reader.nextPart() {
            let content = try await part.collect(bytesMax: 1 << 16)
            parts.append([
                part.name, part.filename, part.contentType?.essence, String(decoding: content, as: UTF8.self),
            ])
        }
        return parts
    }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a \"", "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=a;boundary=b",
        "multipart/form-data; boundary=\(String(repeating: "a", count: 71))", "multipart/form-data; boundary=é",
        "multipart/mixed; boundary=a", "multipart/form-data boundary=a", "application/x-www-form-urlencoded", "",
        "multipart/form-data; boundary=\"a", "multipart/form-data; boundary=\"a\u{0}\"",
        "multipart/form-data; boundary=a@b",
    ])
    func `a type without a boundary of RFC 2046 is no form`(_ type: String) {
        var head = RequestHead(method: "POST", target: "/", path: "/")
        head.fields.append("Content-Type", type)
        #expect(throws: MultipartError.notMultipart) { _ = try MultipartReader(Request(head: head)) }
    }

    @Test(arguments: [
        "multipart/form-data; boundary=a", "Multipart/Form-Data; Boundary=\"a\"",
        "multipart/form-data; charset=utf-8; boundary=a",
        "multipart/form-data;boundary=a", "multipart/form-data; boundary=\"a'()+_,-./:=?b\"",
        "multipart/form-data; boundary=\(String(repeating: "a", count: 70))", "multipart/form-data; boundary=\"a b\"",
    ])
    func `a type with one is`(_ type: String) {
        var head = RequestHead(method: "POST", target: "/", path: "/")
        head.fields.append("Content-Type", type)
        #expect(throws: Never.self) { _ = try MultipartReader(Request(head: head)) }
    }
}
