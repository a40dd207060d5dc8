import FuzzInvariants
import Support
import Testing

/// What RFC 9110 wants of methods, conditions, ranges and content codings, asked of the product over real sockets:
/// alone, between two other requests in one segment, and cut in two.
struct SemanticsTests {
    struct Table: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let cases: [SemanticsCase]

        init(_ name: String, _ cases: [SemanticsCase]) {
            testDescription = name
            self.cases = cases
        }
    }

    private static let tables = [
        Table("methods", SemanticsCase.methods), Table("bodies", SemanticsCase.bodies),
        Table("conditions", SemanticsCase.conditions), Table("ranges", SemanticsCase.ranges),
        Table("content codings", SemanticsCase.codings),
    ]

    @Test func `the table has at least 500 cases and no rule twice`() {
        let rules = Self.tables.flatMap { table in table.cases.map { "\(table.testDescription) \($0.rule)" } }
        #expect(rules.count >= 500)
        #expect(Set(rules).count == rules.count, "\(Dictionary(grouping: rules) { $0 }.filter { $1.count > 1 }.keys)")
    }

    @Test(arguments: tables)
    func `each case gets its answer`(_ table: Table) async throws {
        try await ServedProduct.serve { product in
            for example in table.cases {
                SemanticsExchange(example: example, product: product, place: "whole").run { try $0.send($1) }
            }
        }
    }

    @Test(arguments: tables)
    func `it is the same between others, in one segment`(_ table: Table) async throws {
        try await ServedProduct.serve { product in
            let probe = Array(SemanticsExchange.probe.utf8)
            for example in table.cases {
                SemanticsExchange(example: example, product: product, place: "between others")
                    .run(isBehindAnother: true) { client, bytes in
                        try client.send(probe + bytes + (example.ends ? [] : probe))
                    }
            }
        }
    }

    @Test(arguments: tables)
    func `it is the same cut in two`(_ table: Table) async throws {
        try await ServedProduct.serve { product in
            let other = try WireClient(product.port)
            for (index, example) in table.cases.enumerated() {
                let count = product.resolve(example.request).utf8.count
                let step = max(1, count / 3)
                for cut in stride(from: 1 + index % step, to: count, by: step) {
                    SemanticsExchange(example: example, product: product, place: "cut at \(cut)").run { client, bytes in
                        try client.send(Array(bytes[..<cut]))
                        // An answer on another connection of the one loop: the first part has been looked at.
                        _ = try other.get("/healthz")
                        do {
                            try client.send(Array(bytes[cut...]))
                        } catch WireError.system("send", _) {
                            return
                        }
                    }
                }
            }
        }
    }
}
