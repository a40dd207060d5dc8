internal import Core

/// How a request's content is delimited (RFC 9112 §6).
public enum BodyFraming: Hashable, Sendable {
    /// There is none: no framing field, or a Content-Length of 0.
    case none
    case length(Int)
    case chunked
}

/// A head that passed every check, and what it means for the connection.
public struct ParsedRequest: Sendable {
    public var head: RequestHead
    public var framing: BodyFraming
    /// What version and `Connection` ask for (RFC 9112 §9.3).
    public var keepsAlive: Bool
    /// `Expect: 100-continue` of an HTTP/1.1 request (RFC 9110 §10.1.1).
    public var expectsContinue: Bool
}

/// An incremental parser of request heads, strict by RFC 9112.
///
/// It looks at the caller's buffer and keeps no copy: until it answers `complete`, every call hands in the same bytes
/// again, with more behind them. What was searched is not searched again, so a head that drips in costs no more than
/// one that comes at once. After a head, `reset` makes the parser ready for the next one.
public struct RequestParser: Sendable {
    public enum Progress: Sendable {
        case needMore
        /// The head ended; `consumed` bytes belong to it, the rest is the body or the next request.
        case complete(ParsedRequest, consumed: Int)
        case refused(Refusal)
    }

    private enum Stage {
        case requestLine
        case fields
    }

    private let limits: MessageLimits
    private let isSecured: Bool
    private var stage = Stage.requestLine
    private var emptyLines = 0
    private var lineStart = 0
    private var searched = 0
    private var fieldsStart = 0
    private var head = RequestHead.empty
    /// Of an absolute-form target.
    private var authority: String?
    /// Whether the request line begins with HEAD: even where the rest of it is refused, there is no content in the
    /// answer (RFC 9110 §9.3.2).
    public private(set) var isHead = false
    private var fieldRules = HeadFieldRules()

    /// - Parameter isSecured: the connection is one of TLS: only there an https URI may be asked for.
    public init(limits: MessageLimits = MessageLimits(), isSecured: Bool = false) {
        self.limits = limits
        self.isSecured = isSecured
    }

    /// Forgets the head that was complete.
    mutating func reset() {
        stage = .requestLine
        emptyLines = 0
        lineStart = 0
        searched = 0
        authority = nil
        isHead = false
        fieldRules = HeadFieldRules()
        head.shrink()
    }

    /// Whether a part of a head has been seen.
    public var hasBegun: Bool { searched > 0 }

    /// Looks at `bytes`, which begin with the first byte of the head.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) -> Progress {
        precondition(bytes.count >= searched, "the bytes of an unfinished head were dropped")
        do throws(Refusal) {
            while let line = try nextLine(bytes) {
                switch stage {
                case .requestLine:
                    try takeRequestLine(line)
                case .fields:
                    if line.isEmpty { return .complete(try finish(), consumed: lineStart) }
                    try takeField(line)
                }
            }
            return .needMore
        } catch {
            return .refused(error)
        }
    }

    private mutating func nextLine(_ bytes: Bytes) throws(Refusal) -> Bytes? {
        if stage == .requestLine, lineStart < bytes.count {
            let first = bytes[lineStart]
            guard first.isToken || first == ASCII.carriageReturn else {
                throw Refusal(.badRequest, "The request line does not begin with a method")
            }
            isHead = bytes.sub(lineStart..<min(bytes.count, lineStart + 5)).equals("HEAD ")
        }
        let lineFeed = bytes.firstIndex(of: ASCII.lineFeed, from: searched)
        searched = lineFeed.map { $0 + 1 } ?? bytes.count
        try checkLimits(bytes, lineEnd: searched, isWhole: lineFeed != nil)
        guard let lineFeed else { return nil }
        guard lineFeed > lineStart, bytes[lineFeed - 1] == ASCII.carriageReturn else {
            throw Refusal(.badRequest, "A line does not end with CRLF")
        }
        let line = bytes.sub(lineStart..<lineFeed - 1)
        lineStart = searched
        return line
    }

    // Mutating, though it changes nothing: so the limits are looked at where they lie, and not copied first.
    private mutating func checkLimits(_ bytes: Bytes, lineEnd: Int, isWhole: Bool) throws(Refusal) {
        switch stage {
        case .requestLine:
            guard lineEnd - lineStart <= limits.requestLineBytesMax + (isWhole ? 2 : 1) else {
                let start = bytes.sub(lineStart..<min(bytes.count, lineStart + limits.methodBytesMax + 1))
                guard start.contains(ASCII.space) else { throw Refusal(.notImplemented, "The method is unknown") }
                throw Refusal(.uriTooLong, "The request line is too long")
            }
        case .fields:
            guard lineEnd - fieldsStart <= limits.headerBytesMax else {
                throw Refusal(.headerFieldsTooLarge, "The header fields are too long")
            }
        }
    }

    /// RFC 9112 §3: method SP request-target SP HTTP-version.
    private mutating func takeRequestLine(_ line: Bytes) throws(Refusal) {
        guard !line.isEmpty else {
            emptyLines += 1
            guard emptyLines <= limits.leadingEmptyLinesMax else {
                throw Refusal(.badRequest, "Empty lines stand before the request line")
            }
            return
        }
        guard let methodEnd = line.firstIndex(of: ASCII.space, from: 0), methodEnd > 0,
            line.sub(0..<methodEnd).allSatisfy(\.isToken),
            let targetEnd = line.firstIndex(of: ASCII.space, from: methodEnd + 1), targetEnd > methodEnd + 1
        else { throw Refusal(.badRequest, "The request line is malformed") }
        let minorVersion = try Self.minorVersion(line.sub(from: targetEnd + 1))
        guard methodEnd <= limits.methodBytesMax else { throw Refusal(.notImplemented, "The method is unknown") }
        let method = Self.method(line.sub(0..<methodEnd))
        let target = try RequestTarget(
            line.sub(methodEnd + 1..<targetEnd), method: method, queryItemsMax: limits.queryItemsMax,
            isSecured: isSecured)
        if let given = target.authority { authority = given }
        head.begin(method: method, target, minorVersion: minorVersion)
        fieldsStart = lineStart
        stage = .fields
    }

    private static func method(_ bytes: Bytes) -> String {
        bytes.equals("GET") ? "GET" : bytes.text
    }

    private static func minorVersion(_ bytes: Bytes) throws(Refusal) -> Int {
        if bytes.count == 8, bytes.loadUnaligned(as: UInt64.self) == http11 { return 1 }
        guard bytes.count == 8, bytes.sub(0..<5).equals("HTTP/"), bytes[5].isDigit,
            bytes[6] == ASCII.dot, bytes[7].isDigit
        else { throw Refusal(.badRequest, "The HTTP version is malformed") }
        guard bytes[5] == ASCII.zero + 1 else {
            throw Refusal(.httpVersionNotSupported, "Only HTTP/1.1 and HTTP/1.0 are spoken here")
        }
        // RFC 9110 §6.2: a higher minor version is read as the highest one known.
        return min(1, Int(bytes[7] - ASCII.zero))
    }

    /// `HTTP/1.1`, as a word of memory.
    private static let http11 = UInt64(bigEndian: 0x4854_5450_2F31_2E31)

    private mutating func takeField(_ line: Bytes) throws(Refusal) {
        guard head.fieldCount < limits.headerFieldsMax else {
            throw Refusal(.headerFieldsTooLarge, "There are too many header fields")
        }
        let field = try FieldLine(line)
        try fieldRules.take(field)
        head.append(field)
    }

    private mutating func finish() throws(Refusal) -> ParsedRequest {
        let minorVersion = head.minorVersion
        let framing = try fieldRules.finish(minorVersion: minorVersion)
        if case .length(let length) = framing, length > limits.bodyBytesMax {
            throw Refusal(.contentTooLarge, "The request body may have at most \(limits.bodyBytesMax) bytes")
        }
        // RFC 9112 §3.2.2: the authority of an absolute-form target replaces what Host says.
        if let authority { head.fields["Host"] = authority }
        return ParsedRequest(
            head: head, framing: framing, keepsAlive: fieldRules.keepsAlive(minorVersion: minorVersion),
            expectsContinue: fieldRules.expectsContinue && minorVersion >= 1)
    }
}
