/// Checks text that comes in pieces for being UTF-8 (RFC 3629 §4): the first byte that no valid text could have there
/// is reported at once, also where a character is cut by the end of a piece.
struct UTF8Validator {
    /// Continuation bytes that the character begun still needs.
    private var owed = 0
    /// What the next of them may be: the first is bound more narrowly, so that no character has two spellings, none is
    /// a surrogate, and none is beyond U+10FFFF.
    private var least: UInt8 = 0x80
    private var most: UInt8 = 0xBF

    /// Whether the text may end here.
    var isAtBoundary: Bool { owed == 0 }

    /// False if no text that goes on like this is UTF-8.
    mutating func accept(_ bytes: Bytes) -> Bool {
        var index = 0
        while index < bytes.count {
            if owed == 0 {
                index = Self.skipASCII(bytes, from: index)
                guard index < bytes.count else { return true }
            }
            guard accept(bytes[index]) else { return false }
            index += 1
        }
        return true
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        if owed > 0 {
            guard byte >= least, byte <= most else { return false }
            owed -= 1
            (least, most) = (0x80, 0xBF)
            return true
        }
        switch byte {
        case ..<0x80: return true
        case 0xC2...0xDF: owed = 1
        case 0xE0: (owed, least) = (2, 0xA0)
        case 0xED: (owed, most) = (2, 0x9F)
        case 0xE1...0xEF: owed = 2
        case 0xF0: (owed, least) = (3, 0x90)
        case 0xF1...0xF3: owed = 3
        case 0xF4: (owed, most) = (3, 0x8F)
        default: return false
        }
        return true
    }

    private static func skipASCII(_ bytes: Bytes, from start: Int) -> Int {
        var index = start
        while bytes.count - index >= 8 {
            if bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { break }
            index += 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index += 1 }
        return index
    }
}
