/// Why a multipart body cannot be read.
public enum MultipartError: Error, Hashable, Sendable {
    /// The Content-Type is not `multipart/form-data` with a boundary of 1…70 allowed characters.
    case notMultipart
    case malformed(reason: String)
    /// The body ended before its closing delimiter.
    case truncated
    case tooManyParts(partsMax: Int)
    case partHeadTooLarge(bytesMax: Int)
    /// A part that was to be collected is larger than the caller allows.
    case partTooLarge(name: String, bytesMax: Int)
    case body(BodyError)
}

/// What a multipart body may make us hold or read besides its parts' content.
public struct MultipartLimits: Hashable, Sendable {
    public var partsMax = 64
    /// The field lines of one part.
    public var partHeadBytesMax = 8 * 1024
    public var partFieldsMax = 16
    /// What may stand before the first and after the last delimiter (RFC 2046 §5.1.1).
    public var preambleBytesMax = 1024
    public var epilogueBytesMax = 1024

    public init() {}
}

/// The head of one part of a form (RFC 7578 §4).
public struct PartHead: Hashable, Sendable {
    /// The form field's name.
    public let name: String
    /// The last component of the file name that the client gave, unfit as a path of ours; `nil` for a plain field.
    public let filename: String?
    public let contentType: MediaType?
}

/// An incremental parser of `multipart/form-data` (RFC 7578, RFC 2046 §5.1), without I/O and without copies of content.
public struct MultipartParser: Sendable {
    /// What became of the bytes handed in. Unconsumed bytes are handed in again, with more behind them.
    public enum Step: Hashable, Sendable {
        case needMore(consumed: Int)
        case partBegin(PartHead, consumed: Int)
        /// The bytes at these offsets are content of the part.
        case data(Range<Int>, consumed: Int)
        case partEnd(consumed: Int)
        /// The closing delimiter has come. Later calls skip the epilogue and answer `needMore`.
        case end(consumed: Int)
        case failed(MultipartError)
    }

    private enum State {
        case preamble(atStart: Bool)
        /// After a delimiter's boundary.
        case delimiterEnd(dashes: Int, padding: Bool)
        case delimiterLineFeed
        case head
        case content
        case epilogue
    }

    private let limits: MultipartLimits
    /// CRLF, two dashes and the boundary.
    private let delimiter: [UInt8]
    private var state = State.preamble(atStart: true)
    private var partsSeen = 0
    private var outsideBytes = 0
    private var line: [UInt8] = []
    private var headBytes = 0
    private var headRules = PartHeadRules()

    /// `nil` unless `boundary` is 1…70 characters of RFC 2046 §5.1.1 and does not end with a space.
    public init?(boundary: String, limits: MultipartLimits = MultipartLimits()) {
        guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy(Self.isBoundaryByte),
            boundary.utf8.last != ASCII.space
        else { return nil }
        self.limits = limits
        delimiter = Array("\r\n--\(boundary)".utf8)
    }

    /// Whether the closing delimiter has come.
    public var isFinished: Bool { if case .epilogue = state { true } else { false } }

    /// Takes bytes up to the next event.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) -> Step {
        var index = 0
        do throws(MultipartError) {
            while true {
                switch state {
                case .preamble(let atStart):
                    guard try takePreamble(bytes, &index, atStart: atStart) else { return .needMore(consumed: index) }
                case .content: return takeContent(bytes, from: index)
                case .epilogue:
                    outsideBytes += bytes.count - index
                    guard outsideBytes <= limits.epilogueBytesMax else { throw .malformed(reason: "long epilogue") }
                    return .needMore(consumed: bytes.count)
                case .delimiterEnd, .delimiterLineFeed, .head:
                    guard index < bytes.count else { return .needMore(consumed: index) }
                    index += 1
                    if let step = try takeByte(bytes[index - 1], consumed: index) { return step }
                }
            }
        } catch {
            return .failed(error)
        }
    }

    /// Whether the first delimiter was found; it needs no CRLF at the very start.
    private mutating func takePreamble(_ bytes: Bytes, _ index: inout Int, atStart: Bool) throws(MultipartError) -> Bool
    {
        if atStart {
            let first = delimiter.count - 2
            let compared = min(first, bytes.count - index)
            if bytes.sub(index..<index + compared).elementsEqual(delimiter[2..<2 + compared]) {
                guard compared == first else { return false }
                index += first
                state = .delimiterEnd(dashes: 0, padding: false)
                return true
            }
            state = .preamble(atStart: false)
        }
        let found = search(bytes, from: index)
        outsideBytes += found.contentEnd - index
        guard outsideBytes <= limits.preambleBytesMax else { throw .malformed(reason: "long preamble") }
        index = found.contentEnd
        guard found.isWhole else { return false }
        index += delimiter.count
        outsideBytes = 0
        state = .delimiterEnd(dashes: 0, padding: false)
        return true
    }

    private mutating func takeContent(_ bytes: Bytes, from start: Int) -> Step {
        let found = search(bytes, from: start)
        if found.contentEnd > start { return .data(start..<found.contentEnd, consumed: found.contentEnd) }
        guard found.isWhole else { return .needMore(consumed: start) }
        state = .delimiterEnd(dashes: 0, padding: false)
        return .partEnd(consumed: start + delimiter.count)
    }

    /// Where content ends: at a delimiter, or at what may turn out to be one, which is held back. That is less than a
    /// delimiter's length, so dripping bytes are compared a bounded number of times.
    private func search(_ bytes: Bytes, from start: Int) -> (contentEnd: Int, isWhole: Bool) {
        var from = start
        while let candidate = bytes.firstIndex(of: ASCII.carriageReturn, from: from) {
            let compared = min(delimiter.count, bytes.count - candidate)
            var matched = 1
            while matched < compared, bytes[candidate + matched] == delimiter[matched] { matched += 1 }
            if matched == compared { return (candidate, compared == delimiter.count) }
            from = candidate + 1
        }
        return (bytes.count, false)
    }

    private mutating func takeByte(_ byte: UInt8, consumed: Int) throws(MultipartError) -> Step? {
        switch state {
        case .delimiterEnd(let dashes, let padding):
            try takeDelimiterEnd(byte, dashes: dashes, padding: padding)
            if isFinished { return .end(consumed: consumed) }
        case .delimiterLineFeed:
            guard byte == ASCII.lineFeed else { throw .malformed(reason: "a delimiter line without CRLF") }
            partsSeen += 1
            guard partsSeen <= limits.partsMax else { throw .tooManyParts(partsMax: limits.partsMax) }
            headRules = PartHeadRules()
            headBytes = 0
            state = .head
        default:
            guard let head = try takeHeadByte(byte) else { return nil }
            state = .content
            return .partBegin(head, consumed: consumed)
        }
        return nil
    }

    /// Two dashes close the body; blanks may pad the line (RFC 2046 §5.1.1). Anything else would leave it open
    /// whether this is content or a delimiter, and is refused.
    private mutating func takeDelimiterEnd(_ byte: UInt8, dashes: Int, padding: Bool) throws(MultipartError) {
        switch byte {
        case ASCII.dash where !padding && dashes == 1:
            outsideBytes = 0
            state = .epilogue
        case ASCII.dash where !padding: state = .delimiterEnd(dashes: 1, padding: false)
        case ASCII.space where dashes == 0, ASCII.tab where dashes == 0:
            outsideBytes += 1
            guard outsideBytes <= limits.preambleBytesMax else { throw .malformed(reason: "a long delimiter line") }
            state = .delimiterEnd(dashes: 0, padding: true)
        case ASCII.carriageReturn where dashes == 0:
            outsideBytes = 0
            state = .delimiterLineFeed
        default: throw .malformed(reason: "a delimiter goes on after its boundary")
        }
    }

    private mutating func takeHeadByte(_ byte: UInt8) throws(MultipartError) -> PartHead? {
        headBytes += 1
        guard headBytes <= limits.partHeadBytesMax else { throw .partHeadTooLarge(bytesMax: limits.partHeadBytesMax) }
        guard byte == ASCII.lineFeed else {
            line.append(byte)
            return nil
        }
        guard line.popLast() == ASCII.carriageReturn else { throw .malformed(reason: "a part's line without CRLF") }
        if line.isEmpty { return try headRules.finish() }
        try headRules.take(line, fieldsMax: limits.partFieldsMax)
        line.removeAll(keepingCapacity: true)
        return nil
    }

    private static func isBoundaryByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, ASCII.space, 0x27...0x29, 0x2B...0x2F, 0x3A, 0x3D, 0x3F, 0x5F:
            true
        default: false
        }
    }
}
