import FuzzInvariants
import Support
import Testing

/// The invariants of `make fuzz` over mutated seeds: the same bytes every time.
struct HTTPFuzzTests {
    private static let morsels = [
        "\r\n", "\n", "\r", "\0", " ", ":", ",", "%", "%00", "/../", "0", "ffffffffffffffff", "Host: a\r\n", "\\", "{",
        "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "\r\n\r\n", "--B", "\r\n--B\r\n", "--", "\"", ";",
        "[",
        "1e9", "\\uD800", "=", "-",
    ].map { Array($0.utf8) }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 1: bytes.insert(contentsOf: morsels.randomElement(using: &random) ?? [], at: place)
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 4 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            default: break
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases, [1, 2] as [UInt64])
    func `no mutation of the seeds breaks an invariant`(_ target: FuzzTarget, _ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<1000 {
            var input = (0..<2).map { _ in UInt8.random(in: 0...255, using: &random) }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                var text = Array((target.seeds.randomElement(using: &random) ?? []).dropFirst(2))
                Self.mutate(&text, &random)
                input += text
            }
            if let fault = target.fault(in: input) {
                Issue.record("seed \(seed), round \(round): \(fault), of \(input)")
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `the seeds themselves hold, however they are cut`(_ target: FuzzTarget) {
        for seed in target.seeds {
            for cut in UInt8.min...UInt8.max { #expect(target.fault(in: [cut, 0] + seed.dropFirst(2)) == nil) }
        }
    }

    @Test func `the connection's seeds reach each of its small bounds`() {
        func ends(leading byte: UInt8) -> [String: Int] {
            FuzzTarget.connection.seeds.reduce(into: [:]) { ends, seed in
                let log = FuzzTarget.connectionLog(of: [byte, 0] + seed.dropFirst(2))
                if let last = log.last { ends[last, default: 0] += 1 }
                if log.contains(where: { $0.contains("tooLarge") }) { ends["too large", default: 0] += 1 }
            }
        }
        let small = ends(leading: 1)
        let usual = ends(leading: 0)
        // The line; the method; the fields, in bytes and in number; a length; chunks.
        for (end, count) in [("414 false", 1), ("501 false", 1), ("431 false", 2), ("413 false", 1), ("too large", 1)] {
            #expect(small[end] == count && usual[end, default: 0] == (end == "501 false" ? 1 : 0), "\(end)")
        }
        // The pairs of a query, the extensions, and the trailers in bytes and in number.
        #expect(small["400 false", default: 0] - usual["400 false", default: 0] == 4)
        // Of two unread bodies the one is not begun to be skipped, the other is not skipped to its end.
        let unread = FuzzTarget.connection.seeds.suffix(2).map { FuzzTarget.connectionLog(of: $0) }
        #expect(unread.map(\.count) == [2, 2] && unread.map(\.last) == ["200 false", "200 true"])
    }
}
