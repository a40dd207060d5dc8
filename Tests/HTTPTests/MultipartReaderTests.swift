import HTTP
import Synchronization
import Testing

/// A request whose body comes in the given pieces.
private func request(
    _ pieces: [[UInt8]], type: String? = "multipart/form-data; boundary=B", failure: BodyError? = nil
) -> Request {
    var head = RequestHead(method: "POST", target: "/", path: "/")
    if let type { head.fields.append("Content-Type", type) }
    let next = Mutex(0)
    let body = RequestBody(declaredLength: nil) { () async throws(BodyError) -> [UInt8]? in
        let index = next.withLock { index in
            index += 1
            return index - 1
        }
        if index < pieces.count { return pieces[index] }
        if let failure { throw failure }
        return nil
    }
    return Request(head: head, body: body)
}

private func part(_ name: String, _ content: String) -> String {
    "--B\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"\(name).bin\"\r\n\r\n\(content)\r\n"
}

private let form = Array((part("a", "one") + part("b", "two\r\n--") + "--B--\r\n").utf8)

struct MultipartReaderTests {
    @Test func `parts come in order with their content, however the body is cut`() async throws {
        for pieces in form.splits {
            let reader = try MultipartReader(request(pieces))
            let first = try #require(try await reader.nextPart())
            #expect(first.name == "a" && first.filename == "a.bin" && first.contentType == nil)
            #expect(try await first.text(bytesMax: 3) == "one")
            #expect(try await first.next() == nil)
            let second = try #require(try await reader.nextPart())
            #expect(try await second.text(bytesMax: 7) == "two\r\n--")
            #expect(try await reader.nextPart() == nil)
            #expect(try await reader.nextPart() == nil)
        }
    }

    @Test func `the next part skips what is left of the one before`() async throws {
        for pieces in form.splits {
            let reader = try MultipartReader(request(pieces))
            _ = try await reader.nextPart()
            #expect(try await reader.nextPart()?.name == "b")
            #expect(try await reader.nextPart() == nil)
        }
    }

    @Test func `content streams: no piece is larger than what the body gave`() async throws {
        let chunk = [UInt8](repeating: 0x0D, count: 1000)
        let pieces =
            [Array("--B\r\nContent-Disposition: form-data; name=f\r\n\r\n".utf8)]
            + Array(repeating: chunk, count: 50) + [Array("\r\n--B--".utf8)]
        let reader = try MultipartReader(request(pieces))
        let part = try #require(try await reader.nextPart())
        var total = 0
        while let bytes = try await part.next() {
            #expect(!bytes.isEmpty && bytes.count <= chunk.count + "\r\n--B".utf8.count)
            total += bytes.count
        }
        #expect(total == 50_000)
    }

    @Test func `a part larger than the caller allows is an error`() async throws {
        let reader = try MultipartReader(request([form]))
        let part = try #require(try await reader.nextPart())
        await #expect(throws: MultipartError.partTooLarge(name: "a", bytesMax: 2)) {
            try await part.collect(bytesMax: 2)
        }
    }

    @Test func `text that is not UTF-8 is an error`() async throws {
        let bytes = Array("--B\r\nContent-Disposition: form-data; name=f\r\n\r\n".utf8) + [0xFF]
        let reader = try MultipartReader(request([bytes, Array("\r\n--B--".utf8)]))
        let part = try #require(try await reader.nextPart())
        await #expect(throws: MultipartError.malformed(reason: "a text field is not UTF-8")) {
            try await part.text(bytesMax: 9)
        }
    }

    @Test func `a body that ends early is truncated, and stays so`() async throws {
        let reader = try MultipartReader(request([Array(form.dropLast(5))]))
        _ = try await reader.nextPart()
        _ = try await reader.nextPart()
        for _ in 0..<2 {
            await #expect(throws: MultipartError.truncated) { _ = try await reader.nextPart() }
        }
    }

    @Test func `a failure of the body comes through`() async throws {
        let reader = try MultipartReader(request([Array(form.prefix(60))], failure: .disconnected))
        await #expect(throws: MultipartError.body(.disconnected)) {
            while try await reader.nextPart() != nil {}
        }
    }

    @Test(arguments: [
        nil, "text/plain", "multipart/form-data", "multipart/mixed; boundary=B", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a;b\"", "multipart/form-data; boundary=B; boundary=C",
    ])
    func `another Content-Type is not multipart`(_ type: String?) {
        #expect(throws: MultipartError.notMultipart) { _ = try MultipartReader(request([form], type: type)) }
    }
}
