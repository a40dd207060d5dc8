import Glibc

/// A source file split into code and comments: each has the other, and the content of texts, blanked by spaces,
/// so that lines and columns stay.
struct SourceText {
    let path: String
    let bytes: [UInt8]
    let code: [UInt8]
    let comments: [UInt8]

    init(path: String, _ text: String) {
        self.path = path
        bytes = Array(text.utf8)
        guard path.hasSuffix(".swift") || Self.isC(path) else {
            (code, comments) = (bytes, bytes)
            return
        }
        var lexer = SourceLexer(bytes, isSwift: path.hasSuffix(".swift"))
        lexer.scanCode(untilClosingParenthesis: false)
        (code, comments) = (lexer.code, lexer.comments)
    }

    static func isC(_ path: String) -> Bool { path.hasSuffix(".c") || path.hasSuffix(".h") }

    /// Counted from 1.
    func line(at offset: Int) -> Int {
        Self.occurrences(of: "\n", in: Array(bytes[..<min(offset, bytes.count)])).count + 1
    }

    var lines: [ArraySlice<UInt8>] { bytes.split(separator: newline, omittingEmptySubsequences: false) }

    /// The offsets of `word` in `part`; where it starts or ends like a name, no name may go on there.
    static func occurrences(of word: String, in part: [UInt8]) -> [Int] {
        let word = Array(word.utf8)
        guard let first = word.first, let last = word.last else { return [] }
        var found: [Int] = []
        for offset in candidates(first, in: part) where offset + word.count <= part.count {
            let end = offset + word.count
            guard part[offset..<end].elementsEqual(word) else { continue }
            if first.isOfName, offset > 0, part[offset - 1].isOfName { continue }
            if last.isOfName, end < part.count, part[end].isOfName { continue }
            found.append(offset)
        }
        return found
    }

    /// The offsets of one byte; memchr, because a loop over every byte is slow without optimisation.
    private static func candidates(_ byte: UInt8, in part: [UInt8]) -> [Int] {
        part.withUnsafeBytes { buffer in
            var found: [Int] = []
            guard let base = buffer.baseAddress else { return found }
            var start = base
            // SAFETY: `start` stays within the buffer, and the length is what is left of it.
            while let next = memchr(start, Int32(byte), base + buffer.count - start) {
                found.append(UnsafeRawPointer(next) - base)
                start = UnsafeRawPointer(next) + 1
            }
            return found
        }
    }
}

let newline = UInt8(ascii: "\n")

extension UInt8 {
    var isOfName: Bool {
        (self >= 0x30 && self <= 0x39) || (self >= 0x41 && self <= 0x5A) || (self >= 0x61 && self <= 0x7A)
            || self == 0x5F
    }

    var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}

/// Tells code from comments and texts in Swift and C; regular-expression literals are not known to it.
struct SourceLexer {
    private let bytes: [UInt8]
    private let isSwift: Bool
    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8], isSwift: Bool) {
        self.bytes = bytes
        self.isSwift = isSwift
        code = bytes.map { $0 == newline ? $0 : 0x20 }
        comments = code
    }

    private func at(_ text: StaticString) -> Bool {
        guard position + text.utf8CodeUnitCount <= bytes.count else { return false }
        for (index, byte) in text.description.utf8.enumerated() where bytes[position + index] != byte { return false }
        return true
    }

    private mutating func keepCode() {
        code[position] = bytes[position]
        position += 1
    }

    private mutating func keepComment() {
        comments[position] = bytes[position]
        position += 1
    }

    mutating func scanCode(untilClosingParenthesis: Bool) {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "/") where at("//"):
                while position < bytes.count, bytes[position] != newline { keepComment() }
            case UInt8(ascii: "/") where at("/*"): scanBlockComment()
            case UInt8(ascii: "\""): scanText(hashes: 0)
            case UInt8(ascii: "#") where isSwift: scanHashes()
            case UInt8(ascii: "'") where !isSwift: scanCharacter()
            case UInt8(ascii: "`") where isSwift: scanRawIdentifier()
            case UInt8(ascii: "("):
                depth += 1
                keepCode()
            case UInt8(ascii: ")"):
                depth -= 1
                keepCode()
                if untilClosingParenthesis, depth < 0 { return }
            default: keepCode()
            }
        }
    }

    private mutating func scanBlockComment() {
        var depth = 0
        repeat {
            if at("/*") {
                depth += isSwift || depth == 0 ? 1 : 0
                keepComment()
            } else if at("*/") {
                depth -= 1
                keepComment()
            }
            if position < bytes.count { keepComment() }
        } while depth > 0 && position < bytes.count
    }

    private mutating func scanHashes() {
        var hashes = 0
        while position + hashes < bytes.count, bytes[position + hashes] == UInt8(ascii: "#") { hashes += 1 }
        guard position + hashes < bytes.count, bytes[position + hashes] == UInt8(ascii: "\"") else { return keepCode() }
        position += hashes
        scanText(hashes: hashes)
    }

    private mutating func scanText(hashes: Int) {
        let isMultiline = isSwift && at("\"\"\"")
        position += isMultiline ? 3 : 1
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\\"), closes(hashes, after: position + 1) {
                position += 1 + hashes
                if isSwift, position < bytes.count, bytes[position] == UInt8(ascii: "(") {
                    position += 1
                    scanCode(untilClosingParenthesis: true)
                } else {
                    position += 1
                }
            } else if isMultiline ? at("\"\"\"") : bytes[position] == UInt8(ascii: "\""),
                closes(hashes, after: position + (isMultiline ? 3 : 1))
            {
                position += (isMultiline ? 3 : 1) + hashes
                return
            } else if !isMultiline, bytes[position] == newline {
                return
            } else {
                position += 1
            }
        }
    }

    private func closes(_ hashes: Int, after offset: Int) -> Bool {
        offset + hashes <= bytes.count && bytes[offset..<offset + hashes].allSatisfy { $0 == UInt8(ascii: "#") }
    }

    private mutating func scanCharacter() {
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "'"), bytes[position] != newline {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position += 1
    }

    /// A name between back-ticks stays a name in the code, its own letters hidden.
    private mutating func scanRawIdentifier() {
        keepCode()
        while position < bytes.count, bytes[position] != UInt8(ascii: "`"), bytes[position] != newline {
            code[position] = UInt8(ascii: "_")
            position += 1
        }
        if position < bytes.count { keepCode() }
    }
}
