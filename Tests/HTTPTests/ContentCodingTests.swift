import CZlib
import FuzzInvariants
import HTTP
import Support
import Testing

@Suite struct ContentCodingTests {
    private func fields(_ values: [String]) -> HTTPFields {
        var fields = HTTPFields()
        for value in values { fields.append("Accept-Encoding", value) }
        return fields
    }

    private static let negotiations: [([String], ContentCoding.Negotiated)] = [
        ([], .identity), ([""], .identity), (["gzip"], .gzip), (["GZIP"], .gzip), (["x-gzip"], .gzip),
        (["gzip, deflate, br, zstd"], .gzip), (["deflate, br"], .identity), (["identity"], .identity),
        (["identity, gzip"], .gzip), (["gzip;q=1.0, identity;q=0.5, *;q=0"], .gzip),
        (["gzip;q=0.5, identity"], .identity), (["gzip;q=0.001"], .gzip), (["gzip;q=0"], .identity),
        (["gzip;q=0.000"], .identity), (["*"], .gzip), (["*;q=0.1"], .gzip), (["gzip;q=0, *"], .identity),
        (["gzip;q=0.1, *;q=0.5"], .identity), (["*;q=0"], .notAcceptable), (["identity;q=0"], .notAcceptable),
        (["br, identity;q=0"], .notAcceptable), (["gzip, identity;q=0"], .gzip), (["gzip, *;q=0"], .gzip),
        (["*;q=0, identity"], .identity), (["*, identity;q=0"], .gzip), (["deflate", "gzip"], .gzip),
        ([" ,, gzip ; q=0.8 ,"], .gzip), (["gzip;Q=0.7"], .gzip), (["gzip;q=0, gzip"], .identity),
        (["gzip, gzip;q=0"], .gzip),
    ]

    @Test(arguments: negotiations)
    func `the coding of the highest weight is sent (RFC 9110 §12.5.3)`(
        values: [String], expected: ContentCoding.Negotiated
    ) {
        #expect(ContentCoding.negotiate(fields(values), available: [.gzip]) == expected)
        #expect(ContentCoding.negotiate(fields(values), available: [.identity, .gzip]) == expected)
    }

    @Test(arguments: [
        "gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=", "gzip;q=.5", "gzip;q=-1", "gzip;q=1,5x;", "gzip;p=1",
        "gzip q=1", "gz ip", "gzip;", "\"gzip\"", "gzip;q=0.5;q=0.5", "gzip;q=0,5 0",
    ])
    func `a malformed field counts as absent`(value: String) {
        #expect(ContentCoding.negotiate(fields([value]), available: [.gzip]) == .identity)
    }

    @Test func `gzip is not chosen where there is none, and identity may then be refused`() {
        #expect(ContentCoding.negotiate(fields(["gzip"]), available: []) == .identity)
        #expect(ContentCoding.negotiate(fields(["gzip, identity;q=0"]), available: []) == .notAcceptable)
        #expect(ContentCoding.negotiate(fields(["gzip, *;q=0"]), available: [.identity]) == .notAcceptable)
    }

    @Test func `no more codings are looked at than the limit`() {
        let others = (0..<AcceptEncoding.codingsMax).map { "c\($0)" }.joined(separator: ",")
        #expect(ContentCoding.negotiate(fields([others + ",gzip"]), available: [.gzip]) == .identity)
        #expect(ContentCoding.negotiate(fields(["gzip," + others]), available: [.gzip]) == .gzip)
    }

    @Test func `weights are read to the thousandth`() {
        let accepted = AcceptEncoding(fields(["gzip;q=0.123, identity;q=1.000"]))
        #expect(accepted.weight(of: .gzip) == 123)
        #expect(accepted.weight(of: .identity) == 1000)
    }
}

@Suite struct GzipEncoderTests {
    private static func noise(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test(arguments: [1, 6, 9])
    func `what is compressed comes back, text and noise alike`(level: Int) throws {
        var random = SeededGenerator(seed: 1952)
        let text = Array(String(repeating: #"{"state":"running","progress":0.5}"#, count: 5000).utf8)
        for bytes in [[], [0], text, Self.noise(300_000, &random)] {
            #expect(gunzip(gzip(bytes, level: level)) == bytes, "seed 1952, \(bytes.count) bytes")
        }
        #expect(gzip(text, level: level).count < text.count / 50)
    }

    @Test func `a stream in pieces gives the same content as one in one`() {
        var random = SeededGenerator(seed: 52)
        let bytes = Self.noise(70_000, &random) + [UInt8](repeating: 7, count: 70_000)
        let encoder = GzipEncoder()
        var output: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...9000, using: &random))
            rest = rest.dropFirst(piece.count)
            output += encoder.append(Array(piece), flush: Bool.random(using: &random) ? .sync : .none)
        }
        output += encoder.finish()
        #expect(gunzip(output) == bytes, "seed 52")
    }

    @Test func `what was flushed can be read before the end`() throws {
        let encoder = GzipEncoder()
        let first = encoder.append(Array("event: one\n\n".utf8), flush: .sync)
        // An inflater that has only these bytes gets all of the first piece out of them.
        var stream = z_stream()
        try #require(inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { inflateEnd(&stream) }
        var input = first
        var output = [UInt8](repeating: 0, count: 64)
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                _ = inflate(&stream, Z_SYNC_FLUSH)
                return output.count - Int(stream.avail_out)
            }
        }
        #expect(String(decoding: output[..<count], as: UTF8.self) == "event: one\n\n")
        #expect(gunzip(first + encoder.finish()) == Array("event: one\n\n".utf8))
    }

    @Test func `the same bytes give the same file, without a time in it`() {
        let file = gzip(Array("abc".utf8))
        #expect(file == gzip(Array("abc".utf8)))
        // RFC 1952 §2.3: magic, deflate, no flags, mtime 0.
        #expect(Array(file.prefix(8)) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0])
    }
}
