public import Core

/// Why a response head cannot be put on the wire; it is the handler's mistake, and nothing was written.
public enum SerializationError: Error, Hashable, Sendable {
    case invalidStatus(Int)
    case invalidFieldName(String)
    /// A CR, LF, NUL or other control character in the value of the field of that name.
    case invalidFieldValue(name: String)
}

/// Responses to bytes (RFC 9112 §4, §5, §7.1).
public enum ResponseSerializer {
    public static let continueResponse = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Ends a chunked body.
    public static let lastChunk = Array("0\r\n\r\n".utf8)

    /// Ends a chunk's data.
    public static let chunkEnd = Array("\r\n".utf8)

    /// Appends status line, fields and the empty line. Framing and connection fields are the plan's: fields of these
    /// names and Date in `fields` are passed over. On an error `bytes` is as before.
    /// - Parameter standing: the lines that every response has, such as Date; the caller keeps them.
    public static func appendHead(
        status: Int, fields: HTTPFields, requestID: RequestID? = nil, plan: ResponsePlan, standing: [UInt8],
        to bytes: inout ByteBuffer
    ) throws(SerializationError) {
        guard (200...999).contains(status) || status == 101 else { throw .invalidStatus(status) }
        let start = bytes.count
        appendStatusLine(status, to: &bytes)
        do throws(SerializationError) {
            bytes.append(standing)
            if let requestID {
                bytes.append(literal: "X-Request-Id: ")
                requestID.write(to: &bytes)
                bytes.append(literal: "\r\n")
            }
            try fields.write(to: &bytes)
        } catch {
            bytes.truncate(to: start)
            throw error
        }
        switch plan.framing {
        case .length(let length):
            bytes.append(literal: "Content-Length: ")
            bytes.append(decimal: UInt64(length))
            bytes.append(literal: "\r\n")
        case .chunked: bytes.append(literal: "Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
        if let connection = plan.connection {
            bytes.append(literal: "Connection: ")
            bytes.append(connection)
            bytes.append(literal: "\r\n")
        }
        bytes.append(literal: "\r\n")
    }

    /// The lines that every response of one second has: Date, and `fields`.
    /// - Parameter date: an IMF-fixdate.
    public static func standingLines(date: String, _ fields: HTTPFields) -> [UInt8] {
        Array("Date: \(date)\r\n".utf8) + fields.all.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
    }

    private static func appendStatusLine(_ status: Int, to bytes: inout ByteBuffer) {
        if status == 200 { return bytes.append(literal: "HTTP/1.1 200 OK\r\n") }
        bytes.append(literal: "HTTP/1.1 ")
        bytes.append(decimal: UInt64(status))
        bytes.append(ASCII.space)
        bytes.append(reason(status))
        bytes.append(literal: "\r\n")
    }

    /// Appends the size line of a chunk of `count` bytes; the data and `chunkEnd` follow. Traps on 0, which would end
    /// the body.
    public static func appendChunkHead(_ count: Int, to bytes: inout [UInt8]) {
        precondition(count > 0, "an empty chunk ends the body")
        bytes.append(contentsOf: String(count, radix: 16).utf8)
        bytes.append(contentsOf: chunkEnd)
    }

    /// The phrase registered with the status (RFC 9110 §15), empty for one that is not.
    public static func reason(_ status: Int) -> String { reasons[status] ?? "" }

    private static let reasons: [Int: String] = [
        100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted",
        203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content", 206: "Partial Content",
        300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
        307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
        402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
        406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict",
        410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
        414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable",
        417: "Expectation Failed", 421: "Misdirected Request", 422: "Unprocessable Content",
        425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
        431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
        502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        505: "HTTP Version Not Supported", 507: "Insufficient Storage",
    ]
}
