public import Core

/// What a Range request selects of a representation (RFC 9110 §14.2).
public enum RangeSelection: Hashable, Sendable {
    /// Answer 200 with everything: no range was asked for, or it is to be ignored.
    case whole
    /// Answer 206 with these byte offsets, in the order asked for; never empty.
    case partial([Range<Int>])
    /// Answer 416 with `Content-Range: bytes */length`.
    case unsatisfiable
}

/// Range requests in bytes.
public enum ByteRange {
    /// Ranges of one request; more are ignored as a whole (RFC 9110 §14.2, §17.15).
    public static let rangesMax = 16

    /// What `head` selects of a representation of `length` bytes.
    ///
    /// Ignored, so that the whole is sent: another method than GET, another unit, a malformed field, an If-Range that
    /// does not match strongly, more than `rangesMax` ranges, and several that together exceed the whole.
    public static func select(
        _ head: RequestHead, length: Int, validators: Validators, now: Timestamp
    ) -> RangeSelection {
        let values = head.fields.values("Range")
        guard head.method == "GET", values.count == 1, ifRangeHolds(head, validators, now),
            let specs = specs(values[0])
        else { return .whole }
        let ranges = specs.compactMap { $0.range(length: length) }
        guard !ranges.isEmpty else {
            let isEmptySuffix = length == 0 && specs.contains { if case .suffix(1...) = $0 { true } else { false } }
            return isEmptySuffix ? .whole : .unsatisfiable
        }
        guard ranges.count == 1 || ranges.reduce(0, { $0 + $1.count }) <= length else { return .whole }
        return .partial(ranges)
    }

    /// The Content-Range of a part, `bytes 0-99/1000`.
    public static func contentRange(_ range: Range<Int>, length: Int) -> String {
        "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)"
    }

    /// The Content-Range of a 416, `bytes */1000`.
    public static func unsatisfiedContentRange(length: Int) -> String { "bytes */\(length)" }

    private enum Spec {
        case from(Int)
        case closed(Int, Int)
        case suffix(Int)

        func range(length: Int) -> Range<Int>? {
            switch self {
            case .from(let first): first < length ? first..<length : nil
            case .closed(let first, let last): first < length ? first..<min(last, length - 1) + 1 : nil
            case .suffix(let count): count > 0 && length > 0 ? max(0, length - count)..<length : nil
            }
        }
    }

    private static func specs(_ value: String) -> [Spec]? {
        let bytes = Array(value.utf8)
        return bytes.withUnsafeBytes { bytes -> [Spec]? in
            guard let equals = bytes.firstIndex(of: ASCII.equals, from: 0),
                bytes.sub(0..<equals).equalsIgnoringCase("bytes")
            else { return nil }
            var specs: [Spec] = []
            var start = equals + 1
            while start <= bytes.count {
                let end = bytes.firstIndex(of: ASCII.comma, from: start) ?? bytes.count
                let text = bytes.sub(start..<end).trimmed
                start = end + 1
                // RFC 9110 §5.6.1.2: empty elements of a list are passed over.
                if text.isEmpty { continue }
                guard specs.count < rangesMax, let spec = spec(text) else { return nil }
                specs.append(spec)
            }
            return specs.isEmpty ? nil : specs
        }
    }

    private static func spec(_ text: Bytes) -> Spec? {
        guard let dash = text.firstIndex(of: ASCII.dash, from: 0) else { return nil }
        let left = text.sub(0..<dash)
        let right = text.sub(from: dash + 1)
        if left.isEmpty { return right.decimalValue.map { .suffix($0) } }
        guard let first = left.decimalValue else { return nil }
        if right.isEmpty { return .from(first) }
        guard let last = right.decimalValue, last >= first else { return nil }
        return .closed(first, last)
    }

    /// RFC 9110 §13.1.5: only a strong validator, the same, lets a part be sent.
    private static func ifRangeHolds(_ head: RequestHead, _ validators: Validators, _ now: Timestamp) -> Bool {
        let values = head.fields.values("If-Range")
        guard let value = values.first else { return true }
        guard values.count == 1 else { return false }
        if let tag = EntityTag(parsing: value) {
            return validators.entityTag.map { tag.matchesStrongly($0) } ?? false
        }
        guard let date = HTTPDate.parse(value, now: now), let modified = validators.lastModified else { return false }
        return HTTPDate.wholeSeconds(date) == HTTPDate.wholeSeconds(modified)
    }
}

/// The body of a 206 with several parts, as a plan: bytes to write between pieces of the file (RFC 9110 §14.6).
public struct MultipartByteRanges: Sendable {
    public struct Part: Hashable, Sendable {
        /// Delimiter and fields, to be written before the content.
        public let head: [UInt8]
        public let range: Range<Int>
    }

    public let parts: [Part]
    /// Closes the body.
    public let tail: [UInt8]
    /// The Content-Type of the response.
    public let contentType: String
    /// The Content-Length of the response.
    public let contentLength: Int

    /// - Parameters:
    ///   - length: of the whole representation.
    ///   - boundary: 1…70 characters that the caller drew at random, so that the content cannot hold it.
    public init(ranges: [Range<Int>], length: Int, partContentType: String, boundary: String) {
        contentType = "multipart/byteranges; boundary=\(boundary)"
        parts = ranges.enumerated().map { index, range in
            let delimiter = index == 0 ? "--\(boundary)" : "\r\n--\(boundary)"
            let contentRange = ByteRange.contentRange(range, length: length)
            let head = "\(delimiter)\r\nContent-Type: \(partContentType)\r\nContent-Range: \(contentRange)\r\n\r\n"
            return Part(head: Array(head.utf8), range: range)
        }
        tail = Array("\r\n--\(boundary)--\r\n".utf8)
        contentLength = parts.reduce(tail.count) { $0 + $1.head.count + $1.range.count }
    }
}
