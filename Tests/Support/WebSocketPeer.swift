/// A frame as a client sends it, right or wrong in every detail.
public struct ClientFrame: Sendable {
    public enum LengthForm: Sendable {
        case shortest
        /// 126 and two bytes, whatever the length.
        case two
        /// 127 and eight bytes, whatever the length.
        case eight
    }

    public var opcode: UInt8
    public var payload: [UInt8]
    public var isFinal: Bool
    /// The three reserved bits, RSV1 the highest of them.
    public var reserved: UInt8
    public var mask: [UInt8]?
    public var lengthForm = LengthForm.shortest
    /// What the head claims; the payload's own unless set.
    public var claimedLength: UInt64?

    public init(
        _ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true, reserved: UInt8 = 0,
        mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    ) {
        self.opcode = opcode
        self.payload = payload
        self.isFinal = isFinal
        self.reserved = reserved
        self.mask = mask
    }

    public static func text(_ text: String, isFinal: Bool = true) -> ClientFrame {
        ClientFrame(1, Array(text.utf8), isFinal: isFinal)
    }

    /// A Close with that code and reason.
    public static func close(_ code: UInt16, _ reason: String = "") -> ClientFrame {
        ClientFrame(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
    }

    public var bytes: [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let length = claimedLength ?? UInt64(payload.count)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        let wide = (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }
        switch lengthForm {
        case .two: bytes += [maskBit | 126] + wide.suffix(2)
        case .eight: bytes += [maskBit | 127] + wide
        case .shortest where length < 126: bytes.append(maskBit | UInt8(length))
        case .shortest where length < 65_536: bytes += [maskBit | 126] + wide.suffix(2)
        case .shortest: bytes += [maskBit | 127] + wide
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }
}

/// A frame of the server, read strictly: a mask, a fragment or a length that is not the shortest is none.
public struct ServerFrame: Hashable, Sendable {
    public var opcode: UInt8
    public var payload: [UInt8]
    /// RSV1.
    public var isCompressed = false

    public init(_ opcode: UInt8, _ payload: [UInt8] = []) {
        self.opcode = opcode
        self.payload = payload
    }

    public static func text(_ text: String) -> ServerFrame { ServerFrame(1, Array(text.utf8)) }

    /// The code of a Close; 0 for another frame or a Close without one.
    public var closeCode: Int { opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : 0 }

    public var text: String { String(decoding: payload, as: UTF8.self) }

    /// What a head of two bytes says of the frame: the bytes of the length that follow, and the short length.
    public static func head(_ first: UInt8, _ second: UInt8) -> (opcode: UInt8, isCompressed: Bool, length: UInt8)? {
        guard first & 0x80 != 0, first & 0x30 == 0, second & 0x80 == 0 else { return nil }
        return (first & 0x0F, first & 0x40 != 0, second)
    }

    /// All frames of `bytes`; `nil` unless they are whole frames and nothing else.
    public static func parse(_ bytes: [UInt8]) -> [ServerFrame]? {
        var frames: [ServerFrame] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.count >= 2, let head = head(rest[rest.startIndex], rest[rest.startIndex + 1]) else { return nil }
            rest = rest.dropFirst(2)
            let wide = head.length == 126 ? 2 : head.length == 127 ? 8 : 0
            let length = wide == 0 ? Int(head.length) : rest.prefix(wide).reduce(0) { $0 << 8 | Int($1) }
            guard wide == 0 || length >= (wide == 2 ? 126 : 65_536), rest.count >= wide + length else { return nil }
            rest = rest.dropFirst(wide)
            var frame = ServerFrame(head.opcode, Array(rest.prefix(length)))
            frame.isCompressed = head.isCompressed
            frames.append(frame)
            rest = rest.dropFirst(length)
        }
        return frames
    }
}
