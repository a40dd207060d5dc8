internal import Core

/// A request-target, taken apart (RFC 9112 §3.2).
struct RequestTarget {
    let text: String
    let path: String
    let query: [QueryItem]
    /// Host and port of the absolute form.
    var authority: String?

    init(_ target: Bytes, method: String, queryItemsMax: Int, isSecured: Bool) throws(Refusal) {
        guard method != "CONNECT" else { throw Refusal(.notImplemented, "CONNECT is not implemented") }
        if target.count == 1, target[0] == 0x2A {
            guard method == "OPTIONS" else { throw Refusal(.badRequest, "The target * belongs to OPTIONS") }
            text = "*"
            path = "*"
            query = []
            return
        }
        var origin = target
        if target[0] != ASCII.slash {
            let authorityRange = try Self.authorityRange(target, isSecured: isSecured)
            authority = target.sub(authorityRange).text
            origin = target.sub(from: authorityRange.upperBound)
        }
        let question = origin.firstIndex(of: ASCII.question, from: 0) ?? origin.count
        let pathBytes = origin.sub(0..<question)
        if pathBytes.isEmpty, authority != nil {
            // RFC 9110 §4.2.3 and, for the whole server, RFC 9112 §3.2.4.
            path = method == "OPTIONS" && question == origin.count ? "*" : "/"
        } else {
            path = try Self.path(pathBytes)
        }
        query = question < origin.count ? try Self.query(origin.sub(from: question + 1), itemsMax: queryItemsMax) : []
        // Most targets are their path: one string for both. A decoded path of the target's length is the target.
        text = path.utf8.count == target.count ? path : target.text
    }

    /// The authority of `http://authority/…`; userinfo is refused (RFC 9110 §4.2.4).
    private static func authorityRange(_ target: Bytes, isSecured: Bool) throws(Refusal) -> Range<Int> {
        let start: Int
        if target.count >= 7, target.sub(0..<7).equalsIgnoringCase("http://") {
            start = 7
        } else if target.count >= 8, target.sub(0..<8).equalsIgnoringCase("https://") {
            start = 8
            // RFC 9110 §7.4
            guard isSecured else { throw Refusal(.misdirectedRequest, "An https URI needs a connection with TLS") }
        } else {
            throw Refusal(.badRequest, "The request target is malformed")
        }
        var end = start
        while end < target.count, target[end] != ASCII.slash, target[end] != ASCII.question { end += 1 }
        guard isAuthority(target.sub(start..<end)) else {
            throw Refusal(.badRequest, "The request target's host is malformed")
        }
        return start..<end
    }

    /// uri-host [ ":" port ], the host not empty (RFC 9110 §4.2.1, RFC 3986 §3.2).
    static func isAuthority(_ bytes: Bytes) -> Bool {
        guard !bytes.isEmpty else { return false }
        var index = 0
        if bytes[0] == 0x5B {
            guard let close = bytes.firstIndex(of: 0x5D, from: 1), IPLiteral.isValid(bytes.sub(1..<close)) else {
                return false
            }
            index = close + 1
        } else {
            while index < bytes.count {
                let byte = bytes[index]
                if byte.isHostCharacter {
                    index += 1
                } else if byte == ASCII.percent {
                    guard index + 2 < bytes.count, bytes[index + 1].hexValue != nil, bytes[index + 2].hexValue != nil
                    else { return false }
                    index += 3
                } else {
                    break
                }
            }
            guard index > 0 else { return false }
        }
        guard index < bytes.count else { return true }
        guard bytes[index] == ASCII.colon else { return false }
        let port = bytes.sub(from: index + 1)
        return port.isEmpty || (port.decimalValue ?? .max) <= 65535
    }

    /// Decoded and free of dot segments. An encoded slash, backslash or control character, text that is not UTF-8 and
    /// a way above the root are refused, so that no reader of the path can see another one than the router did.
    private static func path(_ bytes: Bytes) throws(Refusal) -> String {
        // Letters, digits and slashes: nearly every path, and nothing to check or change in it.
        if bytes.first == ASCII.slash, isAlphanumeric(bytes) { return bytes.text }
        guard bytes.first == ASCII.slash, bytes.allSatisfy(isPathByte) else {
            throw Refusal(.badRequest, "The path holds a character that must be encoded")
        }
        guard needsWork(bytes) else { return bytes.text }
        guard let decoded = PercentCoding.decode(bytes, plusIsSpace: false) else {
            throw Refusal(.badRequest, "The path is not percent-encoded correctly")
        }
        let slashes = decoded.count { $0 == ASCII.slash }
        guard slashes == bytes.count(where: { $0 == ASCII.slash }), !decoded.contains(ASCII.backslash),
            !decoded.contains(where: \.isControl)
        else { throw Refusal(.badRequest, "The path holds an encoded slash, backslash or control character") }
        guard let normalised = removingDotSegments(decoded) else {
            throw Refusal(.badRequest, "The path leads above the root")
        }
        guard let text = String(validating: normalised, as: UTF8.self) else {
            throw Refusal(.badRequest, "The path is not UTF-8")
        }
        return text
    }

    private static func isAlphanumeric(_ path: Bytes) -> Bool {
        for byte in path where !byte.isAlphanumericOrSlash { return false }
        return true
    }

    private static func needsWork(_ path: Bytes) -> Bool {
        var previous: UInt8 = 0
        for byte in path {
            if byte == ASCII.percent || (byte == ASCII.dot && previous == ASCII.slash) { return true }
            previous = byte
        }
        return false
    }

    /// RFC 3986 §5.2.4, except that a `..` above the root is an error.
    private static func removingDotSegments(_ path: [UInt8]) -> [UInt8]? {
        var kept: [ArraySlice<UInt8>] = []
        let segments = path.dropFirst().split(separator: ASCII.slash, omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let isDot = segment.elementsEqual([ASCII.dot])
            let isDotDot = segment.elementsEqual([ASCII.dot, ASCII.dot])
            if isDotDot, kept.popLast() == nil { return nil }
            if !isDot && !isDotDot {
                kept.append(segment)
            } else if index == segments.count - 1 {
                kept.append([])
            }
        }
        return kept.reduce(into: []) { joined, segment in
            joined.append(ASCII.slash)
            joined.append(contentsOf: segment)
        }
    }

    private static func query(_ bytes: Bytes, itemsMax: Int) throws(Refusal) -> [QueryItem] {
        guard bytes.allSatisfy(isQueryByte) else {
            throw Refusal(.badRequest, "The query holds a character that must be encoded")
        }
        do throws(PercentCodingError) {
            return try PercentCoding.pairs(bytes, pairsMax: itemsMax)
        } catch {
            switch error {
            case .malformed: throw Refusal(.badRequest, "The query is not encoded correctly")
            case .tooManyPairs: throw Refusal(.badRequest, "The query has too many pairs")
            }
        }
    }

    /// pchar and slash, and what browsers leave bare in a path beyond RFC 3986: `[ ] |`.
    private static func isPathByte(_ byte: UInt8) -> Bool {
        if byte.isUnreserved || byte.isSubDelimiter { return true }
        switch byte {
        case ASCII.slash, ASCII.percent, ASCII.colon, 0x40, 0x5B, 0x5D, 0x7C: return true
        default: return false
        }
    }

    /// The visible characters without `" # < >`: what browsers leave bare in a query (WHATWG URL §1.3).
    private static func isQueryByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != ASCII.quote && byte != 0x23 && byte != 0x3C && byte != 0x3E
    }
}
