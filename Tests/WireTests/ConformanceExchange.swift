import Core
import HTTP
import Support
import Testing

/// One case on one connection: what came, held against what must.
final class ConformanceExchange {
    private let example: ConformanceCase
    private let isBehindAnother: Bool
    private let place: String
    private let client: WireClient?

    init(_ example: ConformanceCase, port: UInt16, isBehindAnother: Bool = false, place: String = "whole") {
        self.example = example
        self.isBehindAnother = isBehindAnother
        self.place = place
        client = try? WireClient(port)
    }

    private var name: Comment { "\(example.rule), \(isBehindAnother ? "behind another" : place)" }

    /// Sends, then reads every answer of the case and the end of its connection.
    func run(_ send: (WireClient) throws -> Void) {
        do {
            guard let client else { throw WireError.closedTooEarly }
            try send(client)
            if example.halfCloses { client.shutdownWrite() }
            if isBehindAnother {
                let before = try final(client, isHead: false)
                #expect(before.status == 200 && before.text == "before=", name)
            }
            for (index, statuses) in example.answers.enumerated() {
                let answer = try final(client, isHead: example.isHead && index == 0)
                #expect(statuses.contains(answer.status), name)
                let isLast = index == example.answers.count - 1
                check(answer, closes: isLast && example.end == .closed)
                if index == 0 { checkContent(answer) }
            }
            guard example.end == .closed else { return }
            client.shutdownWrite()
            #expect(try client.isClosedByServer(), name)
        } catch {
            Issue.record("\(example.rule), \(place): \(error)")
        }
    }

    /// The connection takes another request.
    func expectAnotherAnswer() {
        do {
            #expect(try client?.get("/").text == "ok", name)
        } catch {
            Issue.record("\(example.rule): no answer to another request: \(error)")
        }
    }

    /// An answer to what was sent along behind the case.
    func expect(_ status: Int) {
        do {
            #expect(try client?.readResponse().status == status, name)
        } catch {
            Issue.record("\(example.rule): no answer to the request behind: \(error)")
        }
    }

    /// Whether the client is told to go on depends on how its bytes were cut.
    private func final(_ client: WireClient, isHead: Bool) throws -> WireResponse {
        let answer = try client.readResponse(toHead: isHead)
        return answer.status == 100 ? try client.readResponse(toHead: isHead) : answer
    }

    /// What holds for every answer.
    private func check(_ answer: WireResponse, closes: Bool) {
        func count(_ field: String) -> Int { answer.fields.count { $0.name.lowercased() == field } }
        // RFC 9110 §6.6.1
        #expect(count("date") == 1, name)
        let date = answer["Date"].flatMap { HTTPDate.parse($0, now: Timestamp(milliseconds: 0)) }
        #expect(date.map { HTTPDate.format($0) } == answer["Date"], name)
        // RFC 9112 §6.2, RFC 9110 §8.6
        #expect(count("content-length") + count("transfer-encoding") <= 1, name)
        if answer.status == 204 || answer.status == 304 {
            #expect(count("content-length") + count("transfer-encoding") == 0, name)
        }
        // RFC 9110 §15.5.6
        #expect(answer.status != 405 || answer["Allow"] != nil, name)
        // RFC 9112 §9.6; that the client has ended comes too late for a word.
        if !example.halfCloses { #expect((answer["Connection"] == "close") == closes, name) }
    }

    private func checkContent(_ answer: WireResponse) {
        for (field, value) in example.fields { #expect(answer[field] == value, "\(name) \(field)") }
        if let body = example.body { #expect(answer.text == body, name) }
        if answer["Content-Encoding"] == "gzip" {
            #expect(answer.body.starts(with: [0x1F, 0x8B]) && answer.body.count < ConformanceApp.text.utf8.count, name)
        }
    }
}

extension ConformanceCase {
    /// The server answers for itself and ends the connection.
    var isRefusal: Bool { end == .closed && !halfCloses && answers.count == 1 && answers[0].allSatisfy { $0 >= 400 } }

    /// Whether a log of `ConformanceDriver` is what the case wants.
    func matches(_ log: [String]) -> Bool {
        let statuses = log.compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
        guard statuses.count == answers.count, zip(statuses, answers).allSatisfy({ $1.contains($0) }) else {
            return false
        }
        return log.contains("closed") == (end == .closed) || halfCloses
    }
}

extension WireClient {
    /// Sends what a server that has refused the part before may no longer take.
    func sendIfOpen(_ bytes: [UInt8]) throws {
        do {
            try send(bytes)
        } catch WireError.system("send", _) {
            return
        }
    }
}
