internal import Synchronization

/// The request line and fields of a request, already validated. A copy is one reference until it is changed.
public struct RequestHead: Sendable {
    private final class Storage: @unchecked Sendable {
        // SAFETY: written only by a head that alone refers to it.
        var method: String
        var target: String
        var path: String
        var query: [QueryItem]
        var fields: HTTPFields
        var minorVersion: Int

        init(
            _ method: String, _ target: String, _ path: String, _ query: [QueryItem], _ fields: HTTPFields,
            _ minorVersion: Int
        ) {
            self.method = method
            self.target = target
            self.path = path
            self.query = query
            self.fields = fields
            self.minorVersion = minorVersion
        }
    }
    private var storage: Storage

    public init(
        method: String, target: String, path: String, query: [QueryItem] = [], fields: HTTPFields = HTTPFields(),
        minorVersion: Int = 1
    ) {
        storage = Storage(method, target, path, query, fields, minorVersion)
    }

    /// The method token as sent, case-sensitive (`GET`).
    public var method: String {
        get { storage.method }
        set { own().method = newValue }
    }

    /// The request-target as sent.
    public var target: String {
        get { storage.target }
        set { own().target = newValue }
    }

    /// The path, percent-decoded and free of dot segments; begins with `/`.
    public var path: String {
        get { storage.path }
        set { own().path = newValue }
    }

    /// The query's pairs, percent-decoded (`+` is a space), in order.
    public var query: [QueryItem] {
        get { storage.query }
        set { own().query = newValue }
    }

    public var fields: HTTPFields {
        get { storage.fields }
        set { own().fields = newValue }
    }

    /// The minor version of HTTP/1.x.
    public var minorVersion: Int {
        get { storage.minorVersion }
        set { own().minorVersion = newValue }
    }

    var fieldCount: Int { storage.fields.count }

    /// Whether there is a field of that name; without a copy of the others.
    public func hasField(_ name: StaticString) -> Bool {
        guard storage.fields.mayHold(name) else { return false }
        return storage.fields["\(name)"] != nil
    }

    private mutating func own() -> Storage {
        if !isKnownUniquelyReferenced(&storage) {
            storage = Storage(method, target, path, query, fields, minorVersion)
        }
        return storage
    }

    // MARK: Filling by the parser

    /// Empties the head for the next request of its connection, in the same memory unless someone still holds it.
    @inline(__always) mutating func begin(method: String, _ target: RequestTarget, minorVersion: Int) {
        guard isKnownUniquelyReferenced(&storage) else {
            storage = Storage(method, target.text, target.path, target.query, HTTPFields(), minorVersion)
            return
        }
        storage.method = method
        storage.target = target.text
        storage.path = target.path
        storage.query = target.query
        storage.minorVersion = minorVersion
        storage.fields.removeAll()
    }

    mutating func append(_ line: FieldLine) { own().fields.append(line) }

    /// Lets large memory go that `begin` would have kept.
    mutating func shrink() {
        if storage.fields.byteCapacity > Self.keptCapacityMax { self = RequestHead.empty }
    }

    /// What an idle connection keeps for the fields of its next request.
    private static let keptCapacityMax = 1024
    static let empty = RequestHead(method: "", target: "", path: "")

    /// The first query value of that name.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

public struct QueryItem: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Why a body could not be read to its end.
public enum BodyError: Error, Hashable, Sendable {
    case tooLarge(bytesMax: Int)
    case malformedChunk
    case timeout
    case disconnected
}

/// The body of a request as a stream with back-pressure: nothing is read from the socket before it is asked for.
public struct RequestBody: Sendable {
    /// The Content-Length, `nil` for a chunked body.
    public let declaredLength: Int?
    private let pull: @Sendable () async throws(BodyError) -> [UInt8]?

    public init(declaredLength: Int?, pull: @escaping @Sendable () async throws(BodyError) -> [UInt8]?) {
        self.declaredLength = declaredLength
        self.pull = pull
    }

    public static let none = RequestBody(declaredLength: 0) { () async throws(BodyError) -> [UInt8]? in nil }

    /// The next bytes, never empty; `nil` at the end.
    public func next() async throws(BodyError) -> [UInt8]? { try await pull() }

    /// This body, refused beyond `bytesMax` while it is read.
    public func limited(to bytesMax: Int) -> RequestBody {
        let (pull, count) = (pull, ByteCounter())
        return RequestBody(declaredLength: declaredLength) { () async throws(BodyError) -> [UInt8]? in
            guard let bytes = try await pull() else { return nil }
            guard count.add(bytes.count) <= bytesMax else { throw .tooLarge(bytesMax: bytesMax) }
            return bytes
        }
    }

    /// The whole body, refused beyond `bytesMax`.
    public func collect(bytesMax: Int) async throws(BodyError) -> [UInt8] {
        if let declaredLength, declaredLength > bytesMax { throw .tooLarge(bytesMax: bytesMax) }
        var collected: [UInt8] = []
        while let bytes = try await pull() {
            guard collected.count + bytes.count <= bytesMax else { throw .tooLarge(bytesMax: bytesMax) }
            collected.append(contentsOf: bytes)
        }
        return collected
    }
}

private final class ByteCounter: Sendable {
    private let count = Atomic(0)

    /// - Returns: the sum so far.
    func add(_ bytes: Int) -> Int { count.add(bytes, ordering: .relaxed).newValue }
}

public struct Request: Sendable {
    public var head: RequestHead
    public var body: RequestBody
    /// The peer's address without port, as text.
    public var remoteAddress: String
    /// What stands for the peer's subscriber in budgets: an IPv4 address, or the /64 of an IPv6 address, as text.
    public var remoteSubscriber: String
    /// It came over TLS, ended by this server.
    public var isSecure: Bool

    /// - Parameter remoteSubscriber: `remoteAddress` unless given.
    public init(
        head: RequestHead, body: RequestBody = .none, remoteAddress: String = "127.0.0.1",
        remoteSubscriber: String? = nil, isSecure: Bool = false
    ) {
        self.head = head
        self.body = body
        self.remoteAddress = remoteAddress
        self.remoteSubscriber = remoteSubscriber ?? remoteAddress
        self.isSecure = isSecure
    }
}
