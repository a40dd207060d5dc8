internal import Core
internal import Glibc

/// SAFETY: a view on the caller's buffer, valid during the call it was handed to. Nothing that outlives a call holds
/// one: what is kept is copied into Strings and arrays. Subscripts of the rebased views are checked in debug builds.
typealias Bytes = UnsafeRawBufferPointer

enum ASCII {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let quote: UInt8 = 0x22
    static let percent: UInt8 = 0x25
    static let plus: UInt8 = 0x2B
    static let comma: UInt8 = 0x2C
    static let dash: UInt8 = 0x2D
    static let dot: UInt8 = 0x2E
    static let slash: UInt8 = 0x2F
    static let zero: UInt8 = 0x30
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let equals: UInt8 = 0x3D
    static let question: UInt8 = 0x3F
    static let backslash: UInt8 = 0x5C
}

extension UInt8 {
    var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }

    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    var isBlank: Bool { self == ASCII.space || self == ASCII.tab }

    /// RFC 9110 §5.6.2, tchar: `!#$%&'*+-.^_`|~`, digits and letters, a bit for each below 128.
    var isToken: Bool {
        let tokens: UInt64 = self < 64 ? 0x03FF_6CFA_0000_0000 : self < 128 ? 0x57FF_FFFF_C7FF_FFFE : 0
        return tokens >> UInt64(self & 63) & 1 == 1
    }

    /// RFC 9110 §5.5: visible characters, blanks and obs-text; never a control character.
    var isFieldValue: Bool { self >= 0x20 ? self != 0x7F : self == ASCII.tab }

    var isControl: Bool { self < 0x20 || self == 0x7F }

    /// RFC 3986 §2.3 and §2.2.
    var isUnreserved: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    var isSubDelimiter: Bool {
        switch self {
        case 0x21, 0x24, 0x26...0x2C, 0x3B, 0x3D: true
        default: false
        }
    }

    /// RFC 3986 §3.2.2, reg-name without its percent-encoded part: unreserved and sub-delims, a bit for each below
    /// 128. Not the comma, though it is of that grammar: what it joins here are the Hosts of two messages.
    var isHostCharacter: Bool {
        let members: UInt64 = self < 64 ? 0x2BFF_6FD2_0000_0000 : self < 128 ? 0x47FF_FFFE_87FF_FFFE : 0
        return members >> UInt64(self & 63) & 1 == 1
    }

    var isAlphanumericOrSlash: Bool {
        let members: UInt64 = self < 64 ? 0x03FF_8000_0000_0000 : self < 128 ? 0x07FF_FFFE_07FF_FFFE : 0
        return members >> UInt64(self & 63) & 1 == 1
    }

    var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The index of the first `byte` at or after `start`.
    func firstIndex(of byte: UInt8, from start: Int) -> Int? {
        guard start < count, let base = baseAddress else { return nil }
        // SAFETY: `start < count`, so the range handed to memchr lies inside the buffer.
        guard let found = memchr(base + start, Int32(byte), count - start) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    func sub(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

    func sub(from start: Int) -> UnsafeRawBufferPointer { sub(start..<count) }

    /// Without the blanks at both ends.
    var trimmed: UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return sub(start..<end)
    }

    /// The elements of a list, without the blanks around them; empty ones are passed over (RFC 9110 §5.6.1.2).
    func forEachElement(_ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        while start <= count {
            let end = firstIndex(of: ASCII.comma, from: start) ?? count
            let element = sub(start..<end).trimmed
            if !element.isEmpty { body(element) }
            start = end + 1
        }
    }

    /// Whether these are the bytes of `lowercase`, an ASCII literal in lower case, in any case.
    func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        // SAFETY: a StaticString's code units live for ever and there are `count` of them.
        let expected = UnsafeRawBufferPointer(start: lowercase.utf8Start, count: count)
        for index in 0..<count where self[index].asciiLowercased != expected[index] { return false }
        return true
    }

    var isPlainText: Bool { withMemoryRebound(to: UInt8.self) { $0.isPlainText } }

    /// Whether these are the bytes of `text`, an ASCII literal.
    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount, let base = baseAddress else { return text.utf8CodeUnitCount == count }
        // SAFETY: both hold `count` bytes; a literal's live for ever.
        return memcmp(base, text.utf8Start, count) == 0
    }

    /// Whether these are the bytes of `text` but for the case of ASCII letters.
    func equalsIgnoringCase(_ text: String) -> Bool {
        text.withBytes { text in
            guard text.count == count else { return false }
            for index in 0..<count where self[index].asciiLowercased != text[index].asciiLowercased { return false }
            return true
        }
    }

    /// Text of ASCII or UTF-8; bytes that are not UTF-8 are read as ISO 8859-1, which loses none of them
    /// (RFC 9110 §5.5 wants obs-text kept opaque).
    var fieldText: String {
        // The generic validation costs several times what a field of ASCII needs.
        if isPlainText { return text }
        if let text = String(validating: self, as: UTF8.self) { return text }
        return String(String.UnicodeScalarView(map { Unicode.Scalar($0) }))
    }

    var text: String { String(decoding: self, as: UTF8.self) }

    /// The value of `1*DIGIT`: `nil` if it is anything else, `.max` beyond the range of Int.
    var decimalValue: Int? {
        guard !isEmpty else { return nil }
        var value = 0
        for byte in self {
            guard byte.isDigit else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Int(byte - ASCII.zero))
            value = overflowed || carried || value == .max ? .max : sum
        }
        return value
    }
}
