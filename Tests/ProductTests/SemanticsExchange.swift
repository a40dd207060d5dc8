import Core
import FuzzInvariants
import HTTP
import Support
import Testing

/// One case on a connection: what came, held against what must.
struct SemanticsExchange {
    let example: SemanticsCase
    let product: ServedProduct
    let place: String

    private var name: Comment { "\(example.rule), \(place)" }

    /// Sends the request by `send`, and reads its answer and, where it ends the connection, the end.
    /// - Parameter isBehindAnother: an answer of `/healthz` comes before, and one behind unless the case ends.
    func run(isBehindAnother: Bool = false, _ send: (WireClient, [UInt8]) throws -> Void) {
        do {
            let client = try WireClient(product.port)
            try send(client, Array(product.resolve(example.request).utf8))
            if isBehindAnother { #expect(try client.readResponse().status == 200, name) }
            var answer = try client.readResponse(toHead: example.isHead)
            // Whether the client is told to go on depends on how its bytes were cut.
            if answer.status == 100 { answer = try client.readResponse(toHead: example.isHead) }
            check(answer)
            if example.ends {
                #expect(answer["Connection"] == "close", name)
                client.shutdownWrite()
                #expect(try client.isClosedByServer(), name)
            } else {
                if !isBehindAnother { try client.send(Self.probe) }
                let next = try client.readResponse()
                #expect(next.status == 200 && next.text == "{\"status\":\"ok\"}", name)
            }
        } catch {
            Issue.record("\(name): \(error)")
        }
    }

    static let probe = "GET /healthz HTTP/1.1\r\nHost: product.test\r\n\r\n"

    private func check(_ answer: WireResponse) {
        #expect(example.statuses.contains(answer.status), name)
        checkEvery(answer)
        for (field, want) in example.wants { check(answer, field, want) }
        checkContent(answer)
    }

    /// What holds for every answer.
    private func checkEvery(_ answer: WireResponse) {
        func count(_ field: String) -> Int { answer.values(field).count }
        // RFC 9110 §6.6.1
        #expect(count("Date") == 1, name)
        // RFC 9112 §6.2
        #expect(count("Content-Length") + count("Transfer-Encoding") <= 1, name)
        // RFC 9110 §8.3, §8.4, §8.8.3, §14.4: each is one value.
        for field in ["Content-Type", "ETag", "Last-Modified", "Content-Range", "Cache-Control", "X-Request-Id"] {
            #expect(count(field) <= 1, "\(name) \(field)")
        }
        let status = answer.status
        // RFC 9110 §8.6
        if status == 204 { #expect(count("Content-Length") + count("Transfer-Encoding") == 0, name) }
        // RFC 9110 §15.5.2, §15.5.6, §15.3.7, §15.5.22
        #expect(status != 401 || answer["WWW-Authenticate"] != nil, name)
        #expect(status != 405 || answer["Allow"] != nil, name)
        #expect(status != 426 || answer["Upgrade"] != nil, name)
        if status == 206 {
            let isMultipart = answer["Content-Type"]?.hasPrefix("multipart/byteranges") == true
            #expect((answer["Content-Range"] != nil) != isMultipart, name)
        }
        // RFC 9457 §3: a refusal says so itself.
        if status >= 400 {
            #expect(answer["Content-Type"] == "application/problem+json", name)
            if !example.isHead, let json = try? JSONParser.parse(decoded(answer)) {
                #expect(json["status"] == .integer(Int64(status)), name)
            }
        }
        #expect(answer["X-Request-Id"] != nil && answer["X-Content-Type-Options"] == "nosniff", name)
        #expect(!answer.text.contains("secret"), name)
    }

    private func check(_ answer: WireResponse, _ field: String, _ want: SemanticsCase.Want) {
        let members = answer.values(field).joined(separator: ",").split(separator: ",").map { $0.filter { $0 != " " } }
        switch want {
        case .equal(let value): #expect(answer[field] == product.resolve(value), "\(name) \(field)")
        case .lists(let member): #expect(members.contains(member), "\(name) \(field)")
        case .omits(let member): #expect(!members.contains(member), "\(name) \(field)")
        case .anything: #expect(answer[field] != nil, "\(name) \(field)")
        case .nothing: #expect(answer[field] == nil, "\(name) \(field)")
        }
    }

    private func checkContent(_ answer: WireResponse) {
        switch example.content {
        case .text(let text): #expect(answer.text == text, name)
        case .whole(let path): #expect(decoded(answer) == product.contents[path], name)
        case .problem(let code): #expect((try? JSONParser.parse(decoded(answer)))?["code"]?.string == code, name)
        case .parts(let parts):
            let found = answer.parts.map { $0.map { "\($0["Content-Range"] ?? "none") \($0.text)" } }
            #expect(found == parts.map { "\($0.range) \($0.text)" }, name)
        case .some(.none): #expect(answer.body.isEmpty, name)
        case nil: break
        }
    }

    private func decoded(_ answer: WireResponse) -> [UInt8] {
        guard answer["Content-Encoding"] == "gzip" else { return answer.body }
        return gunzip(answer.body) ?? []
    }
}

extension WireResponse {
    func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The parts of `multipart/byteranges` (RFC 9110 §14.6, RFC 2046 §5.1); `nil` if it is malformed.
    var parts: [WireResponse]? {
        guard let type = self["Content-Type"], type.hasPrefix("multipart/byteranges; boundary="),
            let boundary = type.split(separator: "=").last, ("\r\n" + text).hasSuffix("\r\n--\(boundary)--\r\n")
        else { return nil }
        let pieces = ("\r\n" + text).split(separator: "\r\n--\(boundary)", omittingEmptySubsequences: false)
        guard pieces.count >= 3, pieces[0].isEmpty, pieces.last == "--\r\n" else { return nil }
        var parts: [WireResponse] = []
        for piece in pieces.dropFirst().dropLast() {
            guard piece.hasPrefix("\r\n"), let end = piece.firstRange(of: "\r\n\r\n") else { return nil }
            var part = WireResponse(status: status, fields: [], body: Array(piece[end.upperBound...].utf8))
            for line in piece[..<end.lowerBound].split(separator: "\r\n") {
                guard let colon = line.firstRange(of: ": ") else { return nil }
                part.fields.append((String(line[..<colon.lowerBound]), String(line[colon.upperBound...])))
            }
            parts.append(part)
        }
        return parts
    }
}
