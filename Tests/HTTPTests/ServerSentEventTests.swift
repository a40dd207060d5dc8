import HTTP
import Testing

private func text(_ event: ServerSentEvent) -> String { String(decoding: event.bytes, as: UTF8.self) }

struct ServerSentEventTests {
    @Test func `an event has its fields and ends with an empty line`() {
        let event = ServerSentEvent(id: "7", event: "progress", data: "{}", retryMilliseconds: 500)
        #expect(text(event) == "id: 7\nevent: progress\nretry: 500\ndata: {}\n\n")
    }

    @Test(arguments: [
        ("a\nb", "data: a\ndata: b\n\n"), ("a\r\nb", "data: a\ndata: b\n\n"), ("a\rb", "data: a\ndata: b\n\n"),
        ("a\n\rb", "data: a\ndata: \ndata: b\n\n"), ("a\n", "data: a\ndata: \n\n"), ("", "data: \n\n"),
        ("é\nid: 1", "data: é\ndata: id: 1\n\n"),
    ])
    func `every line of the data is a field of its own`(_ data: String, _ expected: String) {
        #expect(text(ServerSentEvent(data: data)) == expected)
    }

    @Test(arguments: ["7\ndata: x", "7\r\n\r\n", "7\u{0}x", "7\rretry: 1"])
    func `an id or event name cannot forge a field`(_ value: String) {
        #expect(text(ServerSentEvent(id: value, event: value, data: "d")) == "id: 7\nevent: 7\ndata: d\n\n")
    }

    @Test func `a comment is not an event`() {
        #expect(String(decoding: ServerSentEvent.comment("still\nhere"), as: UTF8.self) == ": still\n: here\n\n")
    }
}
