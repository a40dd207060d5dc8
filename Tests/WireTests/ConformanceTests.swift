import HTTP
import Support
import Synchronization
import Testing

/// The table of raw bytes, each case of it alone, cut in two and behind another request.
///
/// Over sockets every case is cut at some places, spread over its bytes and shifted from case to case; without sockets,
/// through the same connection state and the same app, at every byte. (Of the few cases longer than 1,500 bytes,
/// whose cuts would cost minutes, at 300 places.)
@Suite struct ConformanceTests {
    struct Table: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let cases: [ConformanceCase]

        init(_ name: String, _ cases: [ConformanceCase]) {
            testDescription = name
            self.cases = cases
        }
    }

    private static let tables = [
        Table("request lines", ConformanceCase.requestLines), Table("targets", ConformanceCase.targets),
        Table("refused heads", ConformanceCase.refusedHeads),
        Table("fields", ConformanceCase.fields), Table("hosts", ConformanceCase.hosts),
        Table("lengths", ConformanceCase.lengths), Table("codings", ConformanceCase.codings),
        Table("chunks", ConformanceCase.chunks), Table("connections", ConformanceCase.connections),
        Table("expectations", ConformanceCase.expectations), Table("methods", ConformanceCase.methods),
        Table("conditions", ConformanceCase.conditions), Table("ranges", ConformanceCase.ranges),
        Table("content codings", ConformanceCase.contentCodings),
    ]

    private static let after = "GET /after/the/case HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Paths that the app was asked for, to see that nothing behind a refusal gets there.
    private final class Asked: Sendable {
        private let paths = Mutex<[String]>([])
        func add(_ path: String) { paths.withLock { $0.append(path) } }
        func contains(_ path: String) -> Bool { paths.withLock { $0.contains(path) } }
    }

    private static func withApp(_ body: (UInt16, Asked) async throws -> Void) async throws {
        let asked = Asked()
        try await withServer(
            respond: { request in
                asked.add(request.head.path)
                return await ConformanceApp.respond(request)
            }
        ) { port in
            try await body(port, asked)
        }
    }

    @Test func `the table has at least 200 cases and no rule twice`() {
        let rules = Self.tables.flatMap { table in table.cases.map { "\(table.testDescription) \($0.rule)" } }
        #expect(rules.count >= 200)
        #expect(Set(rules).count == rules.count)
    }

    @Test(arguments: tables)
    func `each case gets its answers and its connection's end`(_ table: Table) async throws {
        try await Self.withApp { port, asked in
            for example in table.cases {
                let exchange = ConformanceExchange(example, port: port)
                exchange.run { client in
                    // What stands behind a refusal is never answered, nor seen by the app.
                    try client.send(example.bytes + (example.isRefusal ? Array(Self.after.utf8) : []))
                }
                if example.end == .open { exchange.expectAnotherAnswer() }
            }
            #expect(!asked.contains("/after/the/case"), "the app saw what stands behind a refusal")
        }
    }

    @Test(arguments: tables)
    func `it is the same behind another request, in one segment`(_ table: Table)
        async throws
    {
        try await Self.withApp { port, asked in
            for example in table.cases {
                let before = Array("GET /query?before HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                let exchange = ConformanceExchange(example, port: port, isBehindAnother: true)
                let next = example.end == .open || example.isRefusal ? Array(Self.after.utf8) : []
                exchange.run { client in try client.send(before + example.bytes + next) }
                if example.end == .open { exchange.expect(404) }
            }
        }
    }

    @Test(arguments: tables)
    func `it is the same cut in two, over sockets`(_ table: Table) async throws {
        try await Self.withApp { port, _ in
            let other = try WireClient(port)
            for (index, example) in table.cases.enumerated() {
                let step = max(1, example.bytes.count / 6)
                for cut in stride(from: 1 + index % step, to: example.bytes.count, by: step) {
                    let exchange = ConformanceExchange(example, port: port, place: "cut at \(cut)")
                    exchange.run { client in
                        try client.send(Array(example.bytes[..<cut]))
                        // An answer on another connection of the one loop: the first part has been looked at.
                        _ = try other.get("/")
                        try client.sendIfOpen(Array(example.bytes[cut...]))
                    }
                }
            }
        }
    }

    @Test(arguments: tables)
    func `it is the same cut at every byte`(_ table: Table) {
        for example in table.cases {
            let bytes = example.bytes
            let whole = ConformanceDriver.outcome([bytes])
            #expect(whole.last == "gone", "\(example.rule)")
            #expect(example.matches(whole), "\(example.rule): \(whole)")
            let step = bytes.count > 1500 ? bytes.count / 300 : 1
            for cut in stride(from: 1, to: bytes.count, by: step) {
                let outcome = ConformanceDriver.outcome([Array(bytes[..<cut]), Array(bytes[cut...])])
                #expect(outcome == whole, "\(example.rule), cut at \(cut)")
            }
            if bytes.count <= 1500 {
                #expect(ConformanceDriver.outcome(bytes.map { [$0] }) == whole, "\(example.rule), byte by byte")
            }
        }
    }

    @Test func `a client that waits for 100 gets it before it sends`() async throws {
        try await Self.withApp { port, _ in
            for (fields, body) in [
                ("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
            ] {
                let client = try WireClient(port)
                try client.send(ConformanceCase.post("Expect: 100-continue\r\n\(fields)"))
                let interim = try client.readResponse()
                #expect(interim.status == 100)
                // RFC 9110 §15.2: an interim answer has no content.
                #expect(interim["Content-Length"] == nil && interim["Transfer-Encoding"] == nil)
                try client.send(body)
                #expect(try client.readResponse().text == "hello")
                #expect(try client.get("/").status == 200)
            }
        }
    }

    @Test(arguments: [
        ("a resource that does not read it", "POST /unread", 200), ("nothing there", "POST /nowhere", 404),
        ("a method the resource lacks", "POST /", 405), ("a method nobody knows", "BREW /echo", 501),
    ])
    func `a final answer comes without 100, and ends the connection (RFC 9110 §10.1.1)`(
        _ rule: String, _ line: String, _ status: Int
    ) async throws {
        try await Self.withApp { port, _ in
            let client = try WireClient(port)
            try client.send("\(line) HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            let answer = try client.readResponse()
            #expect(answer.status == status)
            #expect(answer["Connection"] == "close")
            #expect(try client.isClosedByServer())
        }
    }
}
