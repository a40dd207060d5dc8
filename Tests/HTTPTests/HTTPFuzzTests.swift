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
            var input: [UInt8] = []
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                var text = target.seeds.randomElement(using: &random) ?? []
                if !input.isEmpty { text.removeFirst(2) }
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
}
