/// Reads the parts of a `multipart/form-data` request as its body comes, holding no more than the piece that the
/// body's stream last gave.
///
/// One consumer: parts are read in order, and asking for the next one skips what is left of the one before.
public final class MultipartReader {
    private let body: RequestBody
    private var parser: MultipartParser
    private var pending: [UInt8] = []
    private var consumed = 0
    private var failure: MultipartError?
    fileprivate private(set) var partIndex = 0
    private var isInPart = false

    /// Throws `notMultipart` unless the request's one Content-Type is `multipart/form-data` with a usable boundary.
    public init(_ request: Request, limits: MultipartLimits = MultipartLimits()) throws(MultipartError) {
        let types = request.head.fields.values("Content-Type")
        guard types.count == 1, let type = MediaType(types[0]), type.essence == "multipart/form-data",
            let boundary = type.parameter("boundary"), let parser = MultipartParser(boundary: boundary, limits: limits)
        else { throw .notMultipart }
        body = request.body
        self.parser = parser
    }

    /// The next part, `nil` after the last one, when the whole body has been read. An error is final.
    public func nextPart() async throws(MultipartError) -> MultipartPart? {
        while isInPart { _ = try await nextContent() }
        while true {
            switch try await step() {
            case .begin(let head):
                isInPart = true
                partIndex += 1
                return MultipartPart(head: head, reader: self, index: partIndex)
            case .over: return nil
            case .content, .end: continue
            }
        }
    }

    fileprivate func nextContent() async throws(MultipartError) -> [UInt8]? {
        guard isInPart else { return nil }
        switch try await step() {
        case .content(let bytes): return bytes
        case .begin, .end, .over:
            isInPart = false
            return nil
        }
    }

    private enum Event {
        case begin(PartHead)
        case content([UInt8])
        case end
        case over
    }

    private func step() async throws(MultipartError) -> Event {
        if let failure { throw failure }
        do throws(MultipartError) {
            while true {
                if let event = try takePending() { return event }
                guard let bytes = try await pull() else {
                    guard parser.isFinished else { throw .truncated }
                    return .over
                }
                pending.removeFirst(consumed)
                consumed = 0
                if pending.isEmpty { pending = bytes } else { pending.append(contentsOf: bytes) }
            }
        } catch {
            failure = error
            throw error
        }
    }

    private func pull() async throws(MultipartError) -> [UInt8]? {
        do throws(BodyError) {
            return try await body.next()
        } catch {
            throw .body(error)
        }
    }

    /// The next event of what is here, `nil` if that takes more bytes.
    private func takePending() throws(MultipartError) -> Event? {
        let start = consumed
        while true {
            let offset = consumed
            let step = pending.withUnsafeBytes { parser.parse($0.sub(from: offset)) }
            switch step {
            case .needMore(let taken):
                consumed += taken
                return nil
            case .end(let taken): consumed += taken
            case .partBegin(let head, let taken):
                consumed += taken
                return .begin(head)
            case .data(let range, let taken):
                consumed += taken
                return .content(Array(pending[range.lowerBound + offset..<range.upperBound + offset]))
            case .partEnd(let taken):
                consumed += taken
                return .end
            case .failed(let error): throw error
            }
            precondition(consumed > start, "the parser made no progress")
        }
    }
}

/// One part of a form, its content a stream.
public struct MultipartPart {
    public let head: PartHead
    private let reader: MultipartReader
    private let index: Int

    fileprivate init(head: PartHead, reader: MultipartReader, index: Int) {
        self.head = head
        self.reader = reader
        self.index = index
    }

    public var name: String { head.name }
    public var filename: String? { head.filename }
    public var contentType: MediaType? { head.contentType }

    /// The next bytes of the content, never empty; `nil` at its end. Traps if a later part was asked for.
    public func next() async throws(MultipartError) -> [UInt8]? {
        precondition(reader.partIndex == index, "the reader has gone on to another part")
        return try await reader.nextContent()
    }

    /// The whole content; throws `partTooLarge` beyond `bytesMax`.
    public func collect(bytesMax: Int) async throws(MultipartError) -> [UInt8] {
        var collected: [UInt8] = []
        while let bytes = try await next() {
            guard bytes.count <= bytesMax - collected.count else {
                throw .partTooLarge(name: name, bytesMax: bytesMax)
            }
            collected.append(contentsOf: bytes)
        }
        return collected
    }

    /// The whole content as text; throws `partTooLarge` beyond `bytesMax` and `malformed` if it is not UTF-8.
    public func text(bytesMax: Int) async throws(MultipartError) -> String {
        let bytes = try await collect(bytesMax: bytesMax)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .malformed(reason: "a text field is not UTF-8")
        }
        return text
    }
}
