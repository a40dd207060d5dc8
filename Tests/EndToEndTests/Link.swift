import Glibc
import Testing

/// One connection to a server on this machine, for one request.
final class Link {
    private let descriptor: Int32

    init(_ port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // SAFETY: a sockaddr_in is what connect reads behind the general pointer, for an address of this family.
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
    }

    deinit { close(descriptor) }

    /// - Parameter head: the request line and fields, each with its CRLF; Host and the end are added.
    func send(_ head: String, body: [UInt8] = []) throws {
        let bytes = Array((head + "Host: a\r\nConnection: close\r\n\r\n").utf8) + body
        var sent = 0
        while sent < bytes.count {
            let count = write(descriptor, Array(bytes[sent...]), bytes.count - sent)
            try #require(count > 0, "write: errno \(errno)")
            sent += count
        }
    }

    /// Reads until `marker` has come, or to the end; returns everything, bytes that are no UTF-8 replaced.
    @discardableResult
    func read(until marker: String? = nil) throws -> String {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return String(decoding: content, as: UTF8.self) }
            content += chunk[..<count]
            if let marker, String(decoding: content, as: UTF8.self).contains(marker) { return marker }
        }
    }

    /// The whole answer to one request.
    func exchange(_ head: String, body: [UInt8] = []) throws -> String {
        try send(head, body: body)
        return try read()
    }
}

/// Songs that the tests make themselves.
enum Song {
    /// 16-bit mono at 22.05 kHz: two tones that beat.
    static func wav(seconds: Int) -> [UInt8] {
        let frameCount = seconds * 22_050
        func little(_ value: Int, _ byteCount: Int) -> [UInt8] {
            (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        var bytes = Array("RIFF".utf8) + little(36 + 2 * frameCount, 4) + Array("WAVEfmt ".utf8)
        bytes += little(16, 4) + little(1, 2) + little(1, 2) + little(22_050, 4) + little(44_100, 4)
        bytes += little(2, 2) + little(16, 2) + Array("data".utf8) + little(2 * frameCount, 4)
        for frame in 0..<frameCount {
            let time = Double(frame) / 22_050
            bytes += little(Int(8000 * (sin(2764 * time) + sin(2777 * time))), 2)
        }
        return bytes
    }
}
