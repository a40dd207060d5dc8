public import Core

/// Why a streamed response could not be written on.
public enum WriteError: Error, Hashable, Sendable {
    case disconnected
    case timeout
}

/// Takes the bytes of a streamed response; `write` waits while the connection's queue is full.
public protocol ResponseWriter: Sendable {
    func write(_ bytes: [UInt8]) async throws(WriteError)
}

/// An open descriptor that closes itself with its last reference; what a file response is sent from.
public protocol FileDescriptorOwner: AnyObject, Sendable {
    var descriptor: Int32 { get }
}

extension OpenFile: FileDescriptorOwner {}

public enum ResponseBody: Sendable {
    case empty
    case bytes([UInt8])
    /// `length` bytes of a regular file from `offset`, sent by sendfile(2).
    case file(any FileDescriptorOwner, offset: Int, length: Int)
    /// Bytes written as they come; chunked unless the length is known. A throw ends the connection unfinished.
    case stream(length: Int?, @Sendable (any ResponseWriter) async throws -> Void)
    /// The connection goes on as a WebSocket; only of a 101, made by `Response.webSocket`.
    case webSocket(WebSocketUpgrade)
}

/// What a request is known by in logs and to clients.
public enum RequestKind: IdentifierKind { public static let prefix: StaticString = "req" }
public typealias RequestID = Identifier<RequestKind>

/// What a handler answers. Content-Length, Transfer-Encoding, Connection and Date are the server's.
public struct Response: Sendable {
    public var status: Int
    /// Sent as X-Request-Id; apart from the fields, which thereby stay the constants that they mostly are.
    public var requestID: RequestID?
    public var fields: HTTPFields
    public var body: ResponseBody
    /// Ends the connection after this response.
    public var closesConnection = false

    public init(status: Int, fields: HTTPFields = HTTPFields(), body: ResponseBody = .empty) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

/// What becomes of a request: a response that is there, or the work that makes one.
public enum Answer: Sendable {
    /// Made without waiting for anything. Its body is not streamed.
    case now(Response)
    case later(@Sendable () async -> Response)
}
