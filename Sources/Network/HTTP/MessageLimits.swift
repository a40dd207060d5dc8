/// What a peer may make us hold or read for one message; every bound has a refusal of its own.
public struct MessageLimits: Hashable, Sendable {
    /// The request line without its CRLF; beyond it 414.
    public var requestLineBytesMax = 8192
    /// All field lines with their CRLFs and the empty line that ends them; beyond it 431.
    public var headerBytesMax = 32 * 1024
    /// Field lines of a head; beyond it 431.
    public var headerFieldsMax = 100
    /// Pairs in the query; beyond it 400.
    public var queryItemsMax = 256
    /// Empty lines skipped before a request line (RFC 9112 §2.2); beyond it 400.
    public var leadingEmptyLinesMax = 1
    /// The length of a method token; beyond it 501 (RFC 9112 §3).
    public var methodBytesMax = 32
    /// A body without its framing; beyond it 413. Routes narrow it.
    public var bodyBytesMax = 1536 * 1024 * 1024 + 1024 * 1024
    /// The chunk extensions of a body, all together.
    public var chunkExtensionBytesMax = 16 * 1024
    /// The trailer section of a chunked body.
    public var trailerBytesMax = 8 * 1024
    /// Field lines of a trailer section.
    public var trailerFieldsMax = 32
    /// What is read and thrown away of a body that its handler left unread, to keep the connection alive.
    public var unreadBodySkipBytesMax = 64 * 1024
    /// What is read and thrown away after the last response, so that the peer gets to read it.
    public var lingerBytesMax = 32 * 1024 * 1024

    public init() {}

    /// The most a read buffer has to hold for a head to be parsed.
    public var headBytesMax: Int { leadingEmptyLinesMax * 2 + requestLineBytesMax + 2 + headerBytesMax }
}
