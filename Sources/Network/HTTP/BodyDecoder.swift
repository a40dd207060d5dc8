/// Takes the framing off a request's body, incrementally and without copying (RFC 9112 §6.2, §7.1).
public struct BodyDecoder: Sendable {
    /// What became of the bytes handed in. The first `consumed` of them are done with and must not be handed in again.
    public enum Step: Hashable, Sendable {
        case needMore(consumed: Int)
        /// The bytes at these offsets are content.
        case data(Range<Int>, consumed: Int)
        /// The body is complete; what follows belongs to the next request.
        case end(consumed: Int)
        /// The body cannot be read on, nor can its end be found.
        case failed(BodyError)
    }

    private enum State {
        case fixed
        case size(digits: Int)
        case chunkExtension(ChunkExtension)
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailer
        case finished
    }

    private let limits: MessageLimits
    private var state: State
    /// Bytes to come of the body, or of the chunk.
    private var remaining = 0
    private var contentBytes = 0
    /// What a chunk's size line may hold without end: extensions, and zeros before the size.
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerFields = 0
    private var trailerLine: [UInt8] = []
    /// The fields after a chunked body; they never reach the head's fields, and those that frame, route or judge a
    /// message are dropped (RFC 9110 §6.5.1).
    public private(set) var trailers = HTTPFields()

    public init(_ framing: BodyFraming, limits: MessageLimits = MessageLimits()) {
        self.limits = limits
        state = .finished
        begin(framing)
    }

    /// Starts on the next request's body.
    mutating func begin(_ framing: BodyFraming) {
        (remaining, contentBytes, extensionBytes, trailerBytes) = (0, 0, 0, 0)
        if trailerFields > 0 {
            trailerFields = 0
            trailers = HTTPFields()
        }
        if !trailerLine.isEmpty { trailerLine = [] }
        switch framing {
        case .none: state = .finished
        case .length(let length):
            state = length > 0 ? .fixed : .finished
            remaining = length
        case .chunked: state = .size(digits: 0)
        }
    }

    /// Whether the whole body has been taken.
    public var isFinished: Bool { if case .finished = state { true } else { false } }

    /// How many bytes are still to come, `nil` for a chunked body that has not ended.
    public var remainingLength: Int? {
        switch state {
        case .finished: 0
        case .fixed: remaining
        default: nil
        }
    }

    /// Whether `bytes`, which come next, show that this is no chunked body. It does not count them as taken.
    func fails(on bytes: UnsafeRawBufferPointer) -> Bool {
        guard remainingLength == nil else { return false }
        var trial = self
        var offset = 0
        while true {
            switch trial.decode(UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
            case .data(_, let consumed): offset += consumed
            case .needMore, .end: return false
            case .failed(let error): return error == .malformedChunk
            }
        }
    }

    /// Takes bytes up to the next piece of content or the end of the body.
    public mutating func decode(_ bytes: UnsafeRawBufferPointer) -> Step {
        var index = 0
        do throws(BodyError) {
            while true {
                if case .finished = state { return .end(consumed: index) }
                guard index < bytes.count else { return .needMore(consumed: index) }
                switch state {
                case .fixed, .data: return try takeContent(bytes, from: index)
                default: try takeFraming(bytes[index])
                }
                index += 1
            }
        } catch {
            return .failed(error)
        }
    }

    private mutating func takeContent(_ bytes: Bytes, from start: Int) throws(BodyError) -> Step {
        let count = min(remaining, bytes.count - start)
        guard count <= limits.bodyBytesMax - contentBytes else { throw .tooLarge(bytesMax: limits.bodyBytesMax) }
        contentBytes += count
        remaining -= count
        if remaining == 0 {
            if case .fixed = state { state = .finished } else { state = .dataCarriageReturn }
        }
        return .data(start..<start + count, consumed: start + count)
    }

    private mutating func takeFraming(_ byte: UInt8) throws(BodyError) {
        switch state {
        case .size(let digits): try takeSize(byte, digits: digits)
        case .chunkExtension(let place):
            if byte == ASCII.carriageReturn, place.mayEnd { return state = .sizeLineFeed }
            try countExtension()
            guard let next = place.next(byte) else { throw .malformedChunk }
            state = .chunkExtension(next)
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { throw .malformedChunk }
            state = remaining == 0 ? .trailer : .data
        case .dataCarriageReturn:
            guard byte == ASCII.carriageReturn else { throw .malformedChunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { throw .malformedChunk }
            state = .size(digits: 0)
        case .trailer: try takeTrailer(byte)
        case .fixed, .data, .finished: preconditionFailure("content is not framing")
        }
    }

    private mutating func takeSize(_ byte: UInt8, digits: Int) throws(BodyError) {
        if let value = byte.hexValue {
            if remaining == 0 {
                // Zeros before the size make it no larger.
                if digits > 0 { try countExtension() }
                remaining = Int(value)
                return state = .size(digits: 1)
            }
            // 15 digits cannot overflow an Int.
            guard digits < 15 else { throw .malformedChunk }
            remaining = remaining << 4 | Int(value)
            return state = .size(digits: digits + 1)
        }
        guard digits > 0 else { throw .malformedChunk }
        guard remaining <= limits.bodyBytesMax - contentBytes else { throw .tooLarge(bytesMax: limits.bodyBytesMax) }
        switch byte {
        case ASCII.carriageReturn: state = .sizeLineFeed
        case ASCII.semicolon: state = .chunkExtension(.nameStart)
        case ASCII.space, ASCII.tab: state = .chunkExtension(.blank)
        default: throw .malformedChunk
        }
    }

    private mutating func countExtension() throws(BodyError) {
        extensionBytes += 1
        guard extensionBytes <= limits.chunkExtensionBytesMax else { throw .malformedChunk }
    }

    private mutating func takeTrailer(_ byte: UInt8) throws(BodyError) {
        trailerBytes += 1
        guard trailerBytes <= limits.trailerBytesMax else { throw .malformedChunk }
        guard byte == ASCII.lineFeed else { return trailerLine.append(byte) }
        guard trailerLine.popLast() == ASCII.carriageReturn else { throw .malformedChunk }
        if trailerLine.isEmpty { return state = .finished }
        guard trailerFields < limits.trailerFieldsMax else { throw .malformedChunk }
        let parsed = trailerLine.withUnsafeBytes { line -> HTTPFields.Field? in
            guard let field = try? FieldLine(line) else { return nil }
            return HTTPFields.Field(name: field.name.text, value: field.value.fieldText)
        }
        guard let parsed else { throw .malformedChunk }
        if !Self.forbiddenTrailers.contains(parsed.name.lowercased()) { trailers.append(parsed.name, parsed.value) }
        trailerFields += 1
        trailerLine.removeAll(keepingCapacity: true)
    }

    private static let forbiddenTrailers: Set<String> = [
        "authorization", "cache-control", "connection", "content-encoding", "content-length", "content-range",
        "content-type", "cookie", "expect", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "keep-alive", "max-forwards", "pragma", "proxy-authorization", "range", "set-cookie",
        "te", "trailer", "transfer-encoding", "upgrade",
    ]
}

/// Where in `*( BWS ";" BWS name [ BWS "=" BWS value ] )` a size line is (RFC 9112 §7.1.1).
private enum ChunkExtension {
    /// Blanks that a semicolon must follow.
    case blank
    case nameStart
    case name
    /// Blanks that an equals sign or a semicolon must follow.
    case blankAfterName
    case valueStart
    case value
    case quoted
    case escaped
    case quotedEnd

    var mayEnd: Bool {
        switch self {
        case .name, .value, .quotedEnd: true
        default: false
        }
    }

    /// `nil` where `byte` may not stand.
    func next(_ byte: UInt8) -> ChunkExtension? {
        switch (self, byte) {
        case (.blank, ASCII.semicolon), (.name, ASCII.semicolon), (.blankAfterName, ASCII.semicolon),
            (.value, ASCII.semicolon), (.quotedEnd, ASCII.semicolon):
            .nameStart
        case (.name, ASCII.equals), (.blankAfterName, ASCII.equals): .valueStart
        case (.valueStart, ASCII.quote): .quoted
        case (.quoted, ASCII.quote): .quotedEnd
        case (.quoted, ASCII.backslash): .escaped
        case (.nameStart, _) where byte.isBlank, (.valueStart, _) where byte.isBlank, (.blank, _) where byte.isBlank,
            (.blankAfterName, _) where byte.isBlank:
            self
        case (.name, _) where byte.isBlank: .blankAfterName
        case (.value, _) where byte.isBlank, (.quotedEnd, _) where byte.isBlank: .blank
        case (.nameStart, _) where byte.isToken, (.name, _) where byte.isToken: .name
        case (.valueStart, _) where byte.isToken, (.value, _) where byte.isToken: .value
        case (.quoted, _) where byte.isFieldValue, (.escaped, _) where byte.isFieldValue: .quoted
        default: nil
        }
    }
}
