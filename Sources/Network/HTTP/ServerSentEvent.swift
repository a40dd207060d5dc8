/// One event of a `text/event-stream` (WHATWG HTML §9.2).
public struct ServerSentEvent: Hashable, Sendable {
    public var id: String?
    public var event: String?
    public var data: String
    /// Milliseconds that the client waits before it connects again.
    public var retryMilliseconds: Int?

    public init(id: String? = nil, event: String? = nil, data: String, retryMilliseconds: Int? = nil) {
        self.id = id
        self.event = event
        self.data = data
        self.retryMilliseconds = retryMilliseconds
    }

    /// The event on the wire. Line breaks of `data` are kept as lines; `id` and `event` end at their first line
    /// break or NUL, so that no value can forge a field.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        if let id { Self.append("id", Self.firstLine(id), to: &bytes) }
        if let event { Self.append("event", Self.firstLine(event), to: &bytes) }
        if let retryMilliseconds { Self.append("retry", String(retryMilliseconds).utf8, to: &bytes) }
        for line in Self.lines(data) { Self.append("data", line, to: &bytes) }
        bytes.append(ASCII.lineFeed)
        return bytes
    }

    /// Tells the client how long to wait before it connects again, and nothing else.
    public static func retry(milliseconds: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        append("retry", String(milliseconds).utf8, to: &bytes)
        bytes.append(ASCII.lineFeed)
        return bytes
    }

    /// A comment: clients pass it over, proxies see that the stream lives.
    public static func comment(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for line in lines(text) { append("", line, to: &bytes) }
        bytes.append(ASCII.lineFeed)
        return bytes
    }

    private static func append(_ name: String, _ value: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(ASCII.colon)
        bytes.append(ASCII.space)
        bytes.append(contentsOf: value)
        bytes.append(ASCII.lineFeed)
    }

    private static func firstLine(_ text: String) -> some Sequence<UInt8> {
        text.utf8.prefix { $0 != ASCII.lineFeed && $0 != ASCII.carriageReturn && $0 != 0 }
    }

    /// CR, LF and CRLF each end a line.
    private static func lines(_ text: String) -> [[UInt8]] {
        var lines: [[UInt8]] = [[]]
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == ASCII.carriageReturn || (byte == ASCII.lineFeed && previous != ASCII.carriageReturn) {
                lines.append([])
            } else if byte != ASCII.lineFeed {
                lines[lines.count - 1].append(byte)
            }
            previous = byte
        }
        return lines
    }
}
