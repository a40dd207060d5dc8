/// What a client sends to a server that echoes, and what must come back (RFC 6455; the section stands in the name).
public struct WebSocketCase: Sendable, CustomStringConvertible {
    public enum Reply: Hashable, Sendable {
        case text(String)
        case binary([UInt8])
        case pong([UInt8])
        /// 0 is a Close without a code.
        case close(Int)
    }

    public let name: String
    public let frames: [ClientFrame]
    public let replies: [Reply]

    public var description: String { name }
    public var bytes: [UInt8] { frames.flatMap(\.bytes) }

    init(_ name: String, _ frames: [ClientFrame], _ replies: [Reply]) {
        self.name = name
        self.frames = frames
        self.replies = replies
    }

    /// The replies that the frames are; `nil` if one of them is none that an echo sends.
    public static func replies(_ frames: [ServerFrame]) -> [Reply]? {
        var replies: [Reply] = []
        for frame in frames {
            switch frame.opcode {
            case 1: replies.append(.text(frame.text))
            case 2: replies.append(.binary(frame.payload))
            case 8 where frame.payload.count != 1: replies.append(.close(frame.closeCode))
            case 10: replies.append(.pong(frame.payload))
            default: return nil
            }
        }
        return replies
    }

    public static let all = sizes + control + reserved + fragments + text + closing + lengths

    private static let bye = ClientFrame.close(1000)

    private static let sizes: [WebSocketCase] = [0, 1, 125, 126, 127, 128, 65_535, 65_536].flatMap { count in
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 131) }
        let letters = String(repeating: "*", count: count)
        return [
            WebSocketCase("5.6 text of \(count)", [.text(letters), bye], [.text(letters), .close(1000)]),
            WebSocketCase("5.6 binary of \(count)", [ClientFrame(2, bytes), bye], [.binary(bytes), .close(1000)]),
        ]
    }

    private static let control: [WebSocketCase] = [
        WebSocketCase("5.5.2 an empty ping", [ClientFrame(9), bye], [.pong([]), .close(1000)]),
        WebSocketCase(
            "5.5.2 a ping with any bytes", [ClientFrame(9, [0, 0xFF, 0xFE, 0x80]), bye],
            [.pong([0, 0xFF, 0xFE, 0x80]), .close(1000)]),
        WebSocketCase(
            "5.5 a ping of 125", [ClientFrame(9, Array(repeating: 0xFE, count: 125)), bye],
            [.pong(Array(repeating: 0xFE, count: 125)), .close(1000)]),
        WebSocketCase("5.5 a ping of 126", [ClientFrame(9, Array(repeating: 0xFE, count: 126))], [.close(1002)]),
        WebSocketCase("5.5.3 a pong nobody asked for", [ClientFrame(10), bye], [.close(1000)]),
        WebSocketCase("5.5.3 a pong with a payload", [ClientFrame(10, [1, 2]), bye], [.close(1000)]),
        WebSocketCase(
            "5.5.3 a pong, then a ping", [ClientFrame(10, [1]), ClientFrame(9, [2]), bye], [.pong([2]), .close(1000)]),
        WebSocketCase(
            "5.5.2 ten pings", (0..<10).map { ClientFrame(9, [$0]) } + [bye],
            (0..<10).map { .pong([$0]) } + [.close(1000)]),
        WebSocketCase("5.5 a ping in fragments", [ClientFrame(9, isFinal: false), ClientFrame(0)], [.close(1002)]),
        WebSocketCase("5.5 a Close in fragments", [ClientFrame(8, isFinal: false)], [.close(1002)]),
    ]

    private static let reserved: [WebSocketCase] =
        (1...7).map { bits in
            WebSocketCase(
                "5.2 reserved bits \(bits)", [.text("ok"), ClientFrame(1, [0x61], reserved: bits), ClientFrame(9)],
                [.text("ok"), .close(1002)])
        }
        + [0, 8, 9, 10].map { opcode in
            WebSocketCase(
                "5.2 RSV1 on opcode \(opcode)", [ClientFrame(opcode, [], reserved: 4)], [.close(1002)])
        }
        + [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap { opcode in
            [
                WebSocketCase("5.2 opcode \(opcode)", [ClientFrame(opcode)], [.close(1002)]),
                WebSocketCase(
                    "5.2 opcode \(opcode) after a message",
                    [.text("ok"), ClientFrame(opcode, [0x61]), ClientFrame(9)], [.text("ok"), .close(1002)]),
            ]
        }

    private static let fragments: [WebSocketCase] = [
        WebSocketCase(
            "5.4 two fragments", [.text("frag", isFinal: false), ClientFrame(0, Array("ment".utf8)), bye],
            [.text("fragment"), .close(1000)]),
        WebSocketCase(
            "5.4 a ping between fragments",
            [.text("frag", isFinal: false), ClientFrame(9, [7]), ClientFrame(0, Array("ment".utf8)), bye],
            [.pong([7]), .text("fragment"), .close(1000)]),
        WebSocketCase(
            "5.4 empty fragments",
            [ClientFrame(1, isFinal: false), ClientFrame(0, isFinal: false), ClientFrame(0), bye],
            [.text(""), .close(1000)]),
        WebSocketCase(
            "5.4 many fragments and pings",
            [ClientFrame(2, [0], isFinal: false)]
                + (1...40).flatMap { [ClientFrame(9, [$0]), ClientFrame(0, [$0], isFinal: $0 == 40)] } + [bye],
            (1...40).map { .pong([$0]) } + [.binary(Array(0...40)), .close(1000)]),
        WebSocketCase("5.4 a continuation of nothing", [ClientFrame(0, [0x61])], [.close(1002)]),
        WebSocketCase(
            "5.4 a fragment that continues nothing", [ClientFrame(0, [0x61], isFinal: false)], [.close(1002)]),
        WebSocketCase(
            "5.4 a continuation after the end", [.text("a"), ClientFrame(0, [0x61])], [.text("a"), .close(1002)]),
        WebSocketCase(
            "5.4 a message inside another", [.text("a", isFinal: false), .text("b")], [.close(1002)]),
        WebSocketCase(
            "5.4 a Close between fragments",
            [.text("a", isFinal: false), ClientFrame.close(1001), ClientFrame(0)], [.close(1001)]),
    ]

    private static func utf8(_ name: String, _ pieces: [[UInt8]], isValid: Bool) -> WebSocketCase {
        let frames = pieces.enumerated().map {
            ClientFrame($0 == 0 ? 1 : 0, $1, isFinal: $0 == pieces.count - 1)
        }
        let text = String(decoding: pieces.joined(), as: UTF8.self)
        return WebSocketCase(
            "8.1 \(name)", frames + [bye], isValid ? [.text(text), .close(1000)] : [.close(1007)])
    }

    private static let text: [WebSocketCase] =
        [
            utf8("text in many scripts", [Array("Hello-µ@ßöäüàá-UTF-8!!κόσμε𝄞".utf8)], isValid: true),
            utf8("a character over three fragments", [[0xF0, 0x9D], [0x84], [0x9E]], isValid: true),
            utf8("each byte a fragment", Array("κόσμε€𝄞".utf8).map { [$0] }, isValid: true),
            utf8(
                "the first and the last of each length",
                [
                    Array("\u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}".utf8)
                ], isValid: true),
            utf8("noncharacters are characters", [[0xEF, 0xBF, 0xBE], [0xF4, 0x8F, 0xBF, 0xBF]], isValid: true),
            utf8(
                "a bad byte after good ones", [Array("κόσμε".utf8) + [0xED, 0xA0, 0x80] + Array("edited".utf8)],
                isValid: false),
            utf8("a character cut by the message's end", [[0x61, 0xE2, 0x82]], isValid: false),
            utf8("a character cut by a fragment and the end", [[0xCE], []], isValid: false),
        ]
        + invalid.map { utf8("not UTF-8: \($0)", [$0], isValid: false) }
        + invalid.map { utf8("not UTF-8, in fragments: \($0)", $0.map { [$0] }, isValid: false) }

    /// RFC 3629 §3 and §10; Unicode's table 3-7 has the ranges.
    private static let invalid: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0xAF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
        [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0xAF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], [0xFE],
        [0xFF], [0xC2, 0x20], [0xE1, 0x80, 0x41], [0xC2, 0xC2],
    ]

    private static let closing: [WebSocketCase] =
        [
            WebSocketCase("5.5.1 a Close without a code", [ClientFrame(8)], [.close(0)]),
            WebSocketCase("5.5.1 half a code", [ClientFrame(8, [3])], [.close(1002)]),
            WebSocketCase("5.5.1 a reason", [.close(1000, "bye €")], [.close(1000)]),
            WebSocketCase(
                "5.5.1 the longest reason", [.close(1000, String(repeating: "*", count: 123))], [.close(1000)]),
            WebSocketCase(
                "5.5.1 a reason too long", [.close(1000, String(repeating: "*", count: 124))], [.close(1002)]),
            WebSocketCase(
                "5.5.1 a reason that is not UTF-8", [ClientFrame(8, [0x03, 0xE8, 0xCE, 0xBA, 0xED, 0xA0, 0x80])],
                [.close(1007)]),
            WebSocketCase("5.5.1 two Closes", [bye, .close(1001)], [.close(1000)]),
            WebSocketCase("5.5.1 a ping after the Close", [bye, ClientFrame(9)], [.close(1000)]),
            WebSocketCase(
                "5.5.1 a message after the Close", [.text("a"), bye, .text("b")], [.text("a"), .close(1000)]),
            WebSocketCase("5.5.1 rubbish after the Close", [bye, ClientFrame(3)], [.close(1000)]),
        ]
        + [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map {
            WebSocketCase("7.4 code \($0)", [.close($0)], [.close(Int($0))])
        }
        + [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map {
            WebSocketCase("7.4 no code: \($0)", [.close($0)], [.close(1002)])
        }

    private static func long(_ form: ClientFrame.LengthForm, _ claimed: UInt64, count: Int = 0) -> ClientFrame {
        var frame = ClientFrame(2, Array(repeating: 1, count: count))
        frame.lengthForm = form
        frame.claimedLength = claimed
        return frame
    }

    private static let lengths: [WebSocketCase] = [
        WebSocketCase("5.1 no mask", [ClientFrame(1, [0x61], mask: nil)], [.close(1002)]),
        WebSocketCase("5.1 a ping without a mask", [ClientFrame(9, mask: nil)], [.close(1002)]),
        WebSocketCase(
            "5.3 a mask of zeros", [ClientFrame(2, Array(0...255), mask: [0, 0, 0, 0]), bye],
            [.binary(Array(0...255)), .close(1000)]),
        WebSocketCase("5.2 125 in two bytes", [long(.two, 125, count: 125)], [.close(1002)]),
        WebSocketCase("5.2 0 in eight bytes", [long(.eight, 0)], [.close(1002)]),
        WebSocketCase("5.2 65535 in eight bytes", [long(.eight, 65_535)], [.close(1002)]),
        WebSocketCase("5.2 the highest bit of a length", [long(.eight, 1 << 63)], [.close(1002)]),
        WebSocketCase("10.4 the longest length", [long(.eight, 1 << 63 - 1)], [.close(1009)]),
        WebSocketCase("10.4 a frame over the limit", [long(.eight, 16 << 20 + 1)], [.close(1009)]),
    ]
}
