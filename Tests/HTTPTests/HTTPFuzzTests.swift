import HTTP
import Testing

/// A small generator with a printed seed: SplitMix64 (Steele, Lea, Flood 2014).
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

struct HTTPFuzzTests {
    private static let requests = [
        "GET /a/../b%20c?x=1&y=%41 HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: [::1]\r\nConnection: keep-alive, x\r\nExpect: 100-continue\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ].map { Array($0.utf8) }

    private static let morsels = [
        "\r\n", "\n", "\r", "\0", " ", ":", ",", "%", "%00", "/../", "0", "ffffffffffffffff", "Host: a\r\n",
        "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "\r\n\r\n", "--B", "\r\n--B\r\n", "--", "\"", ";",
    ].map { Array($0.utf8) }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 1: bytes.insert(contentsOf: morsels.randomElement(using: &random) ?? [], at: place)
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
            default: break
            }
        }
    }

    private static func cut(_ bytes: [UInt8], _ random: inout SplitMix64) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...max(1, min(rest.count, 40)), using: &random)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `mutated requests never trap or hang, and no cut of the bytes changes the outcome`(_ seed: UInt64) {
        var random = SplitMix64(state: seed)
        for round in 0..<1500 {
            var stream: [UInt8] = []
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                var request = Self.requests.randomElement(using: &random) ?? []
                Self.mutate(&request, &random)
                stream += request
            }
            var whole = ServerDouble()
            whole.receive(stream)
            whole.peerCloses()
            var cut = ServerDouble()
            for piece in Self.cut(stream, &random) { cut.receive(piece) }
            cut.peerCloses()
            #expect(cut.outcome == whole.outcome, "seed \(seed), round \(round)")
            #expect(whole.isClosed)
        }
    }

    @Test(arguments: [5, 6] as [UInt64])
    func `mutated forms never trap or hang`(_ seed: UInt64) {
        let form = Array(
            "--B\r\nContent-Disposition: form-data; name=\"a\"; filename*=utf-8''%41\r\n\r\nx\r\n--B--\r\n".utf8)
        var random = SplitMix64(state: seed)
        for round in 0..<3000 {
            var stream = Array(form.dropLast(4)) + form
            Self.mutate(&stream, &random)
            guard var parser = MultipartParser(boundary: "B") else { return }
            var steps = 0
            var unread: [UInt8] = []
            pieces: for piece in Self.cut(stream, &random) {
                unread += piece
                while true {
                    steps += 1
                    switch unread.withUnsafeBytes({ parser.parse($0) }) {
                    case .failed: break pieces
                    case .needMore(let consumed):
                        unread.removeFirst(consumed)
                        continue pieces
                    case .partBegin(_, let consumed), .data(_, let consumed), .partEnd(let consumed),
                        .end(let consumed):
                        #expect(consumed > 0)
                        unread.removeFirst(consumed)
                    }
                }
            }
            #expect(steps <= 4 * stream.count, "seed \(seed), round \(round)")
        }
    }
}
