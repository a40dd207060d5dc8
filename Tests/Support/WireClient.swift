internal import Glibc

/// An answer as it came over a socket.
public struct WireResponse: Sendable {
    public var status: Int
    public var fields: [(name: String, value: String)]
    public var body: [UInt8]

    public init(status: Int, fields: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    public var text: String { String(decoding: body, as: UTF8.self) }

    public subscript(name: String) -> String? { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
}

/// Why a client of raw bytes got no answer.
public enum WireError: Error {
    case system(String, Int32)
    /// Nothing came for ten seconds.
    case silence
    case closedTooEarly
    case malformed(String)
}

/// What stands between the bytes of a client's caller and its socket.
public protocol WireCipher: AnyObject {
    func encrypt(_ bytes: [UInt8]) throws -> [UInt8]
    /// Takes in what the socket has.
    func feed(_ bytes: [UInt8])
    func decrypt() throws -> WirePiece
    func closeNotify() -> [UInt8]
}

/// What has been read of a cipher.
public enum WirePiece {
    case bytes([UInt8])
    case needsMore
    /// The peer has said that it sends nothing more.
    case end
}

/// A client of raw bytes over a real, blocking socket. It reads no more leniently than a peer may.
public final class WireClient {
    public private(set) var descriptor: Int32
    private var buffer: [UInt8] = []
    /// Between the bytes of the caller and the socket, once a handshake is done.
    public var cipher: (any WireCipher)?
    /// The server has said that it sends nothing more; without TLS it cannot.
    public private(set) var heardFarewell = false

    public convenience init(_ port: UInt16, receiveBufferBytes: Int32? = nil) throws {
        try self.init(receiveBufferBytes: receiveBufferBytes)
        try connect(to: port)
    }

    /// Has a socket, but no server yet.
    /// - Parameter receiveBufferBytes: a small one makes a slow reader.
    public init(receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw WireError.system("socket", errno) }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        if var bytes = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    public func connect(to port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            // SAFETY: a sockaddr_in begins with sockaddr's family; its own size is passed along.
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw WireError.system("connect", errno) }
    }

    deinit { disconnect() }

    public func disconnect() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    public func shutdownWrite() {
        if let cipher { try? sendRaw(cipher.closeNotify()) }
        shutdownBareSocket()
    }

    /// Without a word of TLS.
    public func shutdownBareSocket() { shutdown(descriptor, Int32(SHUT_WR)) }

    public func send(_ text: String) throws { try send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) throws { try sendRaw(cipher?.encrypt(bytes) ?? bytes) }

    /// As they are, past TLS.
    public func sendRaw(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw WireError.system("send", errno) }
            offset += count
        }
    }

    /// Sends `chunk` over and over until the connection has taken nothing for half a second; returns how much it took.
    public func sendUntilStalled(_ chunk: [UInt8], max: Int) throws -> Int {
        var sent = 0
        while sent < max {
            let rest = chunk[(sent % chunk.count)...].prefix(max - sent)
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count > 0 {
                sent += count
                continue
            }
            guard errno == EAGAIN else { throw WireError.system("send", errno) }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            if poll(&waiting, 1, 500) == 0 { return sent }
        }
        return sent
    }

    /// False at the end of the connection. A reset counts as one.
    private func fill() throws -> Bool {
        guard let cipher else {
            guard let bytes = try receiveRaw() else { return false }
            buffer += bytes
            return true
        }
        while true {
            switch try cipher.decrypt() {
            case .bytes(let bytes):
                buffer += bytes
                return true
            case .end:
                heardFarewell = true
                return false
            case .needsMore:
                guard let bytes = try receiveRaw() else { return false }
                cipher.feed(bytes)
            }
        }
    }

    /// Bytes as the socket has them, `nil` at its end.
    public func receiveRaw() throws -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0 && errno == EAGAIN { throw WireError.silence }
        return count > 0 ? Array(chunk[..<count]) : nil
    }

    /// Everything until the server closes.
    public func readToEnd() throws -> String {
        while try fill() {}
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// True if the server closes without another byte.
    public func isClosedByServer() throws -> Bool { try buffer.isEmpty && !fill() }

    public func read(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { guard try fill() else { throw WireError.closedTooEarly } }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private func readLine() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                guard end > 0, buffer[end - 1] == 0x0D else { throw WireError.malformed("bare LF") }
                let line = String(decoding: buffer[..<(end - 1)], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line
            }
            guard try fill() else { throw WireError.closedTooEarly }
        }
    }

    public func readHead() throws -> WireResponse {
        let statusLine = try readLine().split(separator: " ", maxSplits: 2)
        guard statusLine.count >= 2, statusLine[0] == "HTTP/1.1", let status = Int(statusLine[1]) else {
            throw WireError.malformed("\(statusLine)")
        }
        var response = WireResponse(status: status, fields: [], body: [])
        while true {
            let line = try readLine()
            if line.isEmpty { return response }
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw WireError.malformed(line) }
            response.fields.append((String(parts[0]), String(parts[1].drop { $0 == " " })))
        }
    }

    /// One whole response; a body by Content-Length, in chunks, or to the end of the connection.
    public func readResponse(toHead: Bool = false) throws -> WireResponse {
        let response = try readHead()
        if toHead || response.status < 200 || response.status == 204 || response.status == 304 { return response }
        return try readBody(of: response)
    }

    /// The rest of a response whose head has been read.
    public func readBody(of head: WireResponse) throws -> WireResponse {
        var response = head
        if response["Transfer-Encoding"] == "chunked" {
            while true {
                guard let size = Int(try readLine(), radix: 16) else { throw WireError.malformed("chunk size") }
                response.body += try read(size)
                guard try readLine().isEmpty else { throw WireError.malformed("chunk end") }
                if size == 0 { return response }
            }
        }
        if let length = response["Content-Length"].flatMap({ Int($0) }) {
            response.body = try read(length)
        } else {
            while try fill() {}
            swap(&response.body, &buffer)
        }
        return response
    }

    public func get(_ path: String, fields: String = "") throws -> WireResponse {
        try send("GET \(path) HTTP/1.1\r\nHost: test\r\n\(fields)\r\n")
        return try readResponse()
    }
}
