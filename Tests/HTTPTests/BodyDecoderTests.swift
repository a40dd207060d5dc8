import HTTP
import Testing

private enum Outcome: Equatable {
    case needMore(String)
    case end(String, left: Int)
    case failed(BodyError)
}

/// What the decoder makes of the pieces: the content up to the end, the failure or the lack of more.
private func decode(_ framing: BodyFraming, _ pieces: [[UInt8]], limits: MessageLimits = MessageLimits()) -> Outcome {
    var decoder = BodyDecoder(framing, limits: limits)
    var content: [UInt8] = []
    var unread: [UInt8] = []
    for (index, piece) in pieces.enumerated() {
        unread += piece
        pull: while true {
            switch unread.withUnsafeBytes({ decoder.decode($0) }) {
            case .needMore(let consumed):
                unread.removeFirst(consumed)
                break pull
            case .data(let range, let consumed):
                content += unread[range]
                unread.removeFirst(consumed)
            case .end(let consumed):
                let left = unread.count - consumed + pieces[(index + 1)...].reduce(0) { $0 + $1.count }
                return .end(String(decoding: content, as: UTF8.self), left: left)
            case .failed(let error): return .failed(error)
            }
        }
    }
    return .needMore(String(decoding: content, as: UTF8.self))
}

struct BodyDecoderTests {
    private static let trailers = "0\r\nA: b\r\nC: d\r\n\r\n"

    @Test(arguments: [
        ("§7.1: two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
        ("§7.1: no content", "0\r\n\r\n", ""),
        (
            "§7.1: hexadecimal in both cases", "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n",
            "01234567890123456789a"
        ),
        ("§7.1: zeros before the size", "0005\r\nhello\r\n000\r\n\r\n", "hello"),
        ("§7.1: CRLF within a chunk", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
        ("§7.1.1: extensions are passed over", "5;a=b;c=\"d;e\"\r\nhello\r\n0;x\r\n\r\n", "hello"),
        ("§7.1.1: blanks before an extension", "5 \t; a = b\r\nhello\r\n0\r\n\r\n", "hello"),
        ("§7.1.1: a quoted value", "5;a=\"\\\"\\\\;,=\t\u{E9}\"\r\nhello\r\n0\r\n\r\n", "hello"),
        ("§7.1.1: blanks around everything", "5\t;\ta \t=\t\"b\"\t ; c ; d\r\nhello\r\n0 ;e\r\n\r\n", "hello"),
        (
            "§7.1: more zeros than digits of an Int", "\(String(repeating: "0", count: 40))5\r\nhello\r\n0\r\n\r\n",
            "hello"
        ),
        ("§7.1.2: trailers", "5\r\nhello\r\n0\r\nA: b\r\n\r\n", "hello"),
    ])
    func `a chunked body is decoded, however it is cut`(_ rule: String, _ text: String, _ content: String) {
        let bytes = Array(text.utf8)
        #expect(decode(.chunked, [bytes + [0x47, 0x45]]) == .end(content, left: 2))
        for pieces in bytes.splits { #expect(decode(.chunked, pieces) == .end(content, left: 0)) }
        for count in 0..<bytes.count {
            guard case .needMore = decode(.chunked, [Array(bytes[..<count])]) else {
                Issue.record("\(count) bytes were enough")
                return
            }
        }
    }

    @Test(arguments: [
        ("no size", "\r\nhello"), ("an empty size with an extension", ";a\r\n"), ("+5", "+5\r\n"), ("-1", "-1\r\n"),
        ("0x5", "0x5\r\n"), ("a blank before the size", " 5\r\n"), ("a bare LF after the size", "5\nhello"),
        ("a bare CR after the size", "5\rhello"), ("a bare LF within an extension", "5;a\nhello"),
        ("a bare CR within an extension", "5;a\rb\r\n"), ("a NUL within an extension", "5;\u{0}\r\n"),
        ("a semicolon without a name", "5;\r\nhello"), ("an empty extension between two", "5;a;;b\r\nhello"),
        ("an extension without a name", "5;=a\r\nhello"), ("an extension without its value", "5;a=\r\nhello"),
        ("an open quote", "5;a=\"b\r\nhello"), ("a quote within a value", "5;a=b\"c\"\r\nhello"),
        ("a value after its quote", "5;a=\"b\"c\r\nhello"), ("an escaped line end", "5;a=\"\\\r\n\"\r\nhello"),
        ("two values", "5;a=b=c\r\nhello"), ("a name of two words", "5;a b\r\nhello"),
        ("a blank after an extension", "5;a=b \r\nhello"), ("a blank after a name", "5;a \r\nhello"),
        ("5_0", "5_0\r\n"), ("a comma", "5,5\r\nhello"), ("a vertical tab", "5\u{B}\r\nhello"),
        ("a blank and then no extension", "5 \r\nhello"), ("data longer than its size", "5\r\nhello!\r\n"),
        ("data shorter than its size", "5\r\nhel\r\n0\r\n\r\n"), ("a bare LF after data", "5\r\nhello\n0\r\n\r\n"),
        ("a byte for the CR after data", "5\r\nhello!\n0\r\n\r\n"),
        ("a byte for the LF after data", "5\r\nhello\r!0\r\n\r\n"),
        ("a byte for the LF after the size", "5\r!hello\r\n0\r\n\r\n"),
        ("a size beyond 60 bits", "1000000000000000\r\n"), ("sixteen Fs", "FFFFFFFFFFFFFFFF\r\n"),
        ("a folded trailer", "0\r\nA: b\r\n c\r\n\r\n"), ("a trailer without colon", "0\r\nabc\r\n\r\n"),
        ("a trailer with a bare LF", "0\r\nA: b\n\r\n"), ("a NUL in a trailer", "0\r\nA: \u{0}\r\n\r\n"),
    ])
    func `malformed chunking is an error, however it is cut`(_ rule: String, _ text: String) {
        // RFC 9112 §7.1
        let bytes = Array(text.utf8)
        #expect(decode(.chunked, [bytes]) == .failed(.malformedChunk))
        for pieces in bytes.splits { #expect(decode(.chunked, pieces) == .failed(.malformedChunk)) }
    }

    @Test func `a body of known length ends there`() {
        let bytes = Array("hello".utf8)
        #expect(decode(.length(5), [bytes + bytes]) == .end("hello", left: 5))
        #expect(decode(.length(6), [bytes]) == .needMore("hello"))
        #expect(decode(.none, [bytes]) == .end("", left: 5))
        for pieces in bytes.splits { #expect(decode(.length(5), pieces) == .end("hello", left: 0)) }
    }

    @Test func `the trailers are kept apart`() {
        var decoder = BodyDecoder(.chunked)
        let step = Array(Self.trailers.utf8).withUnsafeBytes { decoder.decode($0) }
        #expect(step == .end(consumed: Self.trailers.utf8.count))
        #expect(decoder.trailers["a"] == "b")
        #expect(decoder.trailers["c"] == "d")
    }

    @Test func `trailers that frame, route or judge a message are dropped (RFC 9110 §6.5.1)`() {
        var decoder = BodyDecoder(.chunked)
        let text = "0\r\nContent-Length: 5\r\nX: 1\r\nTRANSFER-ENCODING: chunked\r\nHost: b\r\nAuthorization: c\r\n\r\n"
        let step = Array(text.utf8).withUnsafeBytes { decoder.decode($0) }
        #expect(step == .end(consumed: text.utf8.count))
        #expect(decoder.trailers.all.map(\.name) == ["X"])
    }

    @Test func `each limit is held to the byte`() {
        func outcome(_ text: String, _ change: (inout MessageLimits) -> Void) -> Outcome {
            var limits = MessageLimits()
            change(&limits)
            return decode(.chunked, [Array(text.utf8)], limits: limits)
        }
        let two = "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"
        #expect(outcome(two) { $0.bodyBytesMax = 4 } == .end("abcd", left: 0))
        #expect(outcome(two) { $0.bodyBytesMax = 3 } == .failed(.tooLarge(bytesMax: 3)))
        // The extensions of all chunks together: "ab" and "c".
        let extended = "1;ab\r\nx\r\n0;c\r\n\r\n"
        #expect(outcome(extended) { $0.chunkExtensionBytesMax = 3 } == .end("x", left: 0))
        #expect(outcome(extended) { $0.chunkExtensionBytesMax = 2 } == .failed(.malformedChunk))
        #expect(outcome("0000\r\n\r\n") { $0.chunkExtensionBytesMax = 3 } == .end("", left: 0))
        #expect(outcome("00000\r\n\r\n") { $0.chunkExtensionBytesMax = 3 } == .failed(.malformedChunk))
        #expect(outcome(Self.trailers) { $0.trailerBytesMax = 14 } == .end("", left: 0))
        #expect(outcome(Self.trailers) { $0.trailerBytesMax = 13 } == .failed(.malformedChunk))
        #expect(outcome(Self.trailers) { $0.trailerFieldsMax = 2 } == .end("", left: 0))
        #expect(outcome(Self.trailers) { $0.trailerFieldsMax = 1 } == .failed(.malformedChunk))
    }

    @Test func `a size over the limit fails before its data comes`() {
        var limits = MessageLimits()
        limits.bodyBytesMax = 10
        #expect(decode(.chunked, [Array("B\r".utf8)], limits: limits) == .failed(.tooLarge(bytesMax: 10)))
        let second = Array("6\r\nabcdef\r\n5\r".utf8)
        #expect(decode(.chunked, [second], limits: limits) == .failed(.tooLarge(bytesMax: 10)))
    }
}
