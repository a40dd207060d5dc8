/// Counts the statements of a script: the semicolons outside of quotes, comments and a trigger's body.
struct StatementCounter {
    private let bytes: [UInt8]
    private var position = 0
    private var count = 0
    /// Whether the current statement has begun, and whether it makes a trigger.
    private var isBegun = false
    private var isTrigger = false
    /// How many BEGIN and CASE of a SQLite trigger wait for their END.
    private var depth = 0

    static func count(_ script: String) -> Int {
        var counter = StatementCounter(bytes: Array(script.utf8))
        return counter.run()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func run() -> Int {
        while position < bytes.count { step() }
        return count + (isBegun ? 1 : 0)
    }

    private mutating func step() {
        let byte = bytes[position]
        if isNext("--") { return skip(through: "\n") }
        if isNext("/*") { return skip(through: "*/") }
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): position += 1
        case UInt8(ascii: ";"):
            position += 1
            if depth == 0 { end() }
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            // A doubled quote is the end of one part and the begin of the next: nothing lies between them.
            isBegun = true
            position += 1
            skip(through: String(UnicodeScalar(byte)))
        case UInt8(ascii: "$"): dollar()
        case _ where Self.isWord(byte): word()
        default:
            isBegun = true
            position += 1
        }
    }

    private mutating func end() {
        count += isBegun ? 1 : 0
        (isBegun, isTrigger) = (false, false)
    }

    private mutating func word() {
        let start = position
        while position < bytes.count, Self.isWord(bytes[position]) || bytes[position] == UInt8(ascii: "$") {
            position += 1
        }
        isBegun = true
        switch String(decoding: bytes[start..<position], as: UTF8.self).uppercased() {
        case "TRIGGER" where depth == 0: isTrigger = true
        case "BEGIN" where isTrigger, "CASE" where depth > 0: depth += 1
        case "END" where depth > 0: depth -= 1
        default: break
        }
    }

    /// A dollar quote of Postgres, `$$…$$` or `$name$…$name$`; else an argument's number.
    private mutating func dollar() {
        isBegun = true
        var end = position + 1
        while end < bytes.count, Self.isWord(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else {
            position = end
            return
        }
        let tag = String(decoding: bytes[position...end], as: UTF8.self)
        position = end + 1
        skip(through: tag)
    }

    private func isNext(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func skip(through text: String) {
        while position < bytes.count, !isNext(text) { position += 1 }
        position = min(bytes.count, position + text.utf8.count)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
            true
        default: false
        }
    }
}
