internal import Core

/// One field line, split and checked (RFC 9112 §5, RFC 9110 §5.5); lives no longer than the bytes it views.
struct FieldLine {
    let name: Bytes
    let value: Bytes

    init(_ line: Bytes) throws(Refusal) {
        var end = 0
        while end < line.count, line[end].isToken { end += 1 }
        guard end > 0, end < line.count, line[end] == ASCII.colon else {
            if end == 0, let first = line.first, first.isBlank {
                throw Refusal(.badRequest, "A header field is folded over lines")
            }
            throw Refusal(.badRequest, "A header field's name is malformed")
        }
        let value = line.sub(from: end + 1)
        guard value.isPlainText || value.allSatisfy(\.isFieldValue) else {
            throw Refusal(.badRequest, "A header field holds a control character")
        }
        name = line.sub(0..<end)
        self.value = value.trimmed
    }
}

/// The fields that decide how a message is framed and routed, judged as they pass. Whatever two recipients could read
/// differently is refused: request smuggling lives there (RFC 9112 §11.2).
struct HeadFieldRules: Sendable {
    private enum Coding {
        case absent
        case unknown
        case chunked
    }

    private var hosts = 0
    private var contentLength: Int?
    /// The last one.
    private var coding = Coding.absent
    private var hasUnknownCoding = false
    private var saysClose = false
    private var saysKeepAlive = false
    private(set) var expectsContinue = false
    private var expectsOther = false

    mutating func take(_ field: FieldLine) throws(Refusal) {
        switch field.name.count {
        case 4 where field.name.equalsIgnoringCase("host"): try takeHost(field.value)
        case 6 where field.name.equalsIgnoringCase("expect"): takeExpect(field.value)
        case 10 where field.name.equalsIgnoringCase("connection"): takeConnection(field.value)
        case 14 where field.name.equalsIgnoringCase("content-length"): try takeLength(field.value)
        case 17 where field.name.equalsIgnoringCase("transfer-encoding"): try takeCoding(field.value)
        default: break
        }
    }

    func finish(minorVersion: Int) throws(Refusal) -> BodyFraming {
        guard hosts == 1 || (hosts == 0 && minorVersion == 0) else {
            throw Refusal(.badRequest, "The Host field is missing")
        }
        guard !expectsOther || minorVersion == 0 else {
            throw Refusal(.expectationFailed, "The only expectation met here is 100-continue")
        }
        guard coding != .absent else {
            guard let contentLength, contentLength > 0 else { return .none }
            return .length(contentLength)
        }
        guard contentLength == nil else {
            throw Refusal(.badRequest, "Content-Length and Transfer-Encoding stand together")
        }
        guard minorVersion >= 1 else {
            throw Refusal(.badRequest, "HTTP/1.0 has no Transfer-Encoding")
        }
        // RFC 9112 §6.3: without it nobody knows where the body ends.
        guard coding == .chunked else { throw Refusal(.badRequest, "The last transfer coding is not chunked") }
        guard !hasUnknownCoding else {
            throw Refusal(.notImplemented, "The only transfer coding known here is chunked")
        }
        return .chunked
    }

    func keepsAlive(minorVersion: Int) -> Bool {
        !saysClose && (minorVersion >= 1 || saysKeepAlive)
    }

    private mutating func takeHost(_ value: Bytes) throws(Refusal) {
        hosts += 1
        guard hosts == 1 else { throw Refusal(.badRequest, "The Host field stands twice") }
        guard RequestTarget.isAuthority(value) else { throw Refusal(.badRequest, "The Host field is malformed") }
    }

    private mutating func takeExpect(_ value: Bytes) {
        value.forEachElement { element in
            if element.equalsIgnoringCase("100-continue") { expectsContinue = true } else { expectsOther = true }
        }
    }

    private mutating func takeConnection(_ value: Bytes) {
        value.forEachElement { option in
            if option.equalsIgnoringCase("close") { saysClose = true }
            if option.equalsIgnoringCase("keep-alive") { saysKeepAlive = true }
        }
    }

    private mutating func takeLength(_ value: Bytes) throws(Refusal) {
        guard contentLength == nil else { throw Refusal(.badRequest, "Content-Length stands twice") }
        guard let length = value.decimalValue else { throw Refusal(.badRequest, "Content-Length is not a number") }
        contentLength = length
    }

    /// RFC 9112 §6.1: `chunked` must stand once and last. Empty elements, which a list may have elsewhere, are refused:
    /// not every recipient passes over them.
    private mutating func takeCoding(_ value: Bytes) throws(Refusal) {
        var start = 0
        while start <= value.count {
            let end = value.firstIndex(of: ASCII.comma, from: start) ?? value.count
            let name = value.sub(start..<end).trimmed
            guard coding != .chunked else { throw Refusal(.badRequest, "Transfer-Encoding goes on after chunked") }
            guard !name.isEmpty, name.allSatisfy(\.isToken) else {
                throw Refusal(.badRequest, "Transfer-Encoding is malformed")
            }
            coding = name.equalsIgnoringCase("chunked") ? .chunked : .unknown
            hasUnknownCoding = hasUnknownCoding || coding == .unknown
            start = end + 1
        }
    }
}
