internal import Core
internal import HTTP

extension FuzzTarget {
    /// The cut changes nothing, and what is written in chunks is read back whole.
    static func chunkedFault(_ bytes: [UInt8], _ cuts: inout Cuts) -> String? {
        let whole = decode([bytes])
        let cut = decode(cuts.pieces(of: bytes))
        if whole != cut { return "the cut changes the outcome: \(whole) and \(cut)" }
        var encoded: [UInt8] = []
        for piece in cuts.pieces(of: bytes) {
            ResponseSerializer.appendChunkHead(piece.count, to: &encoded)
            encoded += piece + ResponseSerializer.chunkEnd
        }
        encoded += ResponseSerializer.lastChunk
        let decoded = decode(cuts.pieces(of: encoded + Array("GET".utf8)))
        return decoded == "\(bytes) end, 3 left" ? nil : "chunks are not read back: \(decoded)"
    }

    private static func decode(_ pieces: [[UInt8]]) -> String {
        var decoder = BodyDecoder(.chunked)
        var content: [UInt8] = []
        var unread: [UInt8] = []
        var left = pieces.reduce(0) { $0 + $1.count }
        for piece in pieces {
            unread += piece
            pull: while true {
                switch unread.withUnsafeBytes({ decoder.decode($0) }) {
                case .needMore(let consumed):
                    unread.removeFirst(consumed)
                    left -= consumed
                    break pull
                case .data(let range, let consumed):
                    content += unread[range]
                    unread.removeFirst(consumed)
                    left -= consumed
                case .end(let consumed): return "\(content) end, \(left - consumed) left"
                case .failed(let error): return "\(error)"
                }
            }
        }
        return "\(content) more"
    }

    /// The cut changes nothing, and a part's content comes back as it was.
    static func multipartFault(_ bytes: [UInt8], _ cuts: inout Cuts) -> String? {
        let whole = parse([bytes], boundary: "B")
        let cut = parse(cuts.pieces(of: bytes), boundary: "B")
        if whole != cut { return "the cut changes the outcome: \(whole) and \(cut)" }
        // No boundary can stand in bytes that are shorter.
        let boundary = String(repeating: "b", count: 60)
        guard bytes.count < 60 else { return nil }
        let form =
            Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n".utf8) + bytes
            + Array("\r\n--\(boundary)--\r\n".utf8)
        let back = parse(cuts.pieces(of: form), boundary: boundary)
        return back == ["n", "\(bytes)", "end"] ? nil : "a part is not read back: \(back)"
    }

    private static func parse(_ pieces: [[UInt8]], boundary: String) -> [String] {
        guard var parser = MultipartParser(boundary: boundary) else { return ["no parser"] }
        var log: [String] = []
        var content: [UInt8] = []
        var unread: [UInt8] = []
        for piece in pieces {
            unread += piece
            pull: while true {
                let consumed: Int
                switch unread.withUnsafeBytes({ parser.parse($0) }) {
                case .needMore(let taken):
                    unread.removeFirst(taken)
                    break pull
                case .partBegin(let head, let taken):
                    log.append([head.name, head.filename].compactMap(\.self).joined(separator: "|"))
                    content = []
                    consumed = taken
                case .data(let range, let taken):
                    content += unread[range]
                    consumed = taken
                case .partEnd(let taken):
                    log.append("\(content)")
                    consumed = taken
                case .end(let taken):
                    log.append("end")
                    consumed = taken
                case .failed(let error): return log + ["\(error)"]
                }
                if consumed == 0 { return log + ["no progress"] }
                unread.removeFirst(consumed)
            }
        }
        return log
    }

    /// What is read is written and read back the same, and no deeper than allowed; strictness only refuses.
    static func jsonFault(_ bytes: [UInt8], depthMax: Int) -> String? {
        let strict = json(bytes, depthMax, .refused)
        let lenient = json(bytes, depthMax, .allowed)
        switch (strict, lenient) {
        case (.success(let value), .success(let same)):
            if value != same { return "strictness changes a value" }
            guard case .success(let back) = json(value.encoded, depthMax, .refused), back == value else {
                return "a value is not read back: \(value.text)"
            }
            return depth(value) <= depthMax ? nil : "deeper than \(depthMax): \(value.text)"
        case (.failure(let error), .success): return error.reason == .duplicateName ? nil : "\(error) only if strict"
        case (.success, .failure(let error)): return "\(error) only if lenient"
        case (.failure(let error), .failure):
            guard (0...bytes.count).contains(error.offset) else { return "a fault at \(error.offset)" }
            let isText = String(validating: bytes[..<error.offset], as: UTF8.self) != nil
            return isText || error.reason != .invalidUTF8 ? nil : "not UTF-8 before \(error.offset)"
        }
    }

    private static func depth(_ value: JSON) -> Int {
        switch value {
        case .array(let elements): 1 + (elements.map(depth).max() ?? 0)
        case .object(let members): 1 + (members.map { depth($0.value) }.max() ?? 0)
        default: 0
        }
    }

    private static func json(
        _ bytes: [UInt8], _ depthMax: Int, _ names: JSONParser.DuplicateNames
    ) -> Result<JSON, JSONError> {
        do throws(JSONError) {
            return .success(try JSONParser.parse(bytes, depthMax: depthMax, duplicateNames: names))
        } catch {
            return .failure(error)
        }
    }

    /// What is compressed comes back, in whatever pieces it went in.
    static func codingFault(_ bytes: [UInt8], _ cuts: inout Cuts) -> String? {
        let encoder = GzipEncoder(level: 1 + cuts.next(below: 9))
        var output: [UInt8] = []
        for piece in cuts.pieces(of: bytes) {
            output += encoder.append(piece, flush: cuts.next(below: 4) == 0 ? .sync : .none)
        }
        output += encoder.finish()
        return gunzip(output) == bytes ? nil : "gzip does not come back"
    }
}
