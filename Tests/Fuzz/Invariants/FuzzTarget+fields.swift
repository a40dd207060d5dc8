internal import Core
internal import HTTP

extension FuzzTarget {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    /// Ranges lie in the file, dates and tags are read back, weights are weights: for one value in every field.
    static func fieldsFault(_ bytes: [UInt8]) -> String? {
        let value = String(decoding: bytes, as: UTF8.self)
        var head = RequestHead(method: "GET", target: "/", path: "/")
        for name in ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "Accept-Encoding"] {
            head.fields.append(name, value)
        }
        return rangeFault(head) ?? validatorFault(value) ?? codingFault(head.fields) ?? pairsFault(bytes)
    }

    private static func rangeFault(_ head: RequestHead) -> String? {
        var head = head
        let tag = EntityTag("a")
        let validators = Validators(entityTag: tag, lastModified: now)
        for length in [0, 1, 1000] {
            if case .partial(let ranges) = ByteRange.select(head, length: length, validators: validators, now: now) {
                return "a range under an If-Range that no range can be: \(ranges)"
            }
        }
        head.fields["If-Range"] = nil
        for length in [0, 1, 1000] {
            guard case .partial(let ranges) = ByteRange.select(head, length: length, validators: validators, now: now)
            else { continue }
            let isSound =
                !ranges.isEmpty && ranges.count <= ByteRange.rangesMax
                && ranges.allSatisfy { !$0.isEmpty && $0.lowerBound >= 0 && $0.upperBound <= length }
            if !isSound { return "ranges outside the file: \(ranges) of \(length)" }
            let plan = MultipartByteRanges(ranges: ranges, length: length, partContentType: "a/b", boundary: "B")
            if plan.contentLength < ranges.reduce(0, { $0 + $1.count }) { return "a length below its parts'" }
        }
        _ = Conditional.evaluate(head, validators: validators, now: now)
        return nil
    }

    private static func validatorFault(_ value: String) -> String? {
        if let date = HTTPDate.parse(value, now: now), HTTPDate.parse(HTTPDate.format(date), now: now) != date {
            return "a date is not read back: \(date)"
        }
        if let tag = EntityTag(parsing: value), EntityTag(parsing: tag.description) != tag {
            return "a tag is not read back: \(tag)"
        }
        if let type = MediaType(value), type.essence.split(separator: "/").count != 2 { return "no media type" }
        return nil
    }

    private static func codingFault(_ fields: HTTPFields) -> String? {
        let accepted = AcceptEncoding(fields)
        let weights = [accepted.weight(of: .gzip), accepted.weight(of: .identity)]
        if !weights.allSatisfy((0...1000).contains) { return "weights \(weights)" }
        return switch ContentCoding.negotiate(fields, available: [.gzip]) {
        case .gzip: weights[0] > 0 ? nil : "gzip though it is refused"
        case .identity: weights[1] > 0 ? nil : "identity though it is refused"
        case .notAcceptable: weights == [0, 0] ? nil : "refused though it is acceptable"
        }
    }

    private static func pairsFault(_ bytes: [UInt8]) -> String? {
        let pairs = bytes.withUnsafeBytes { try? PercentCoding.pairs($0, pairsMax: 64) }
        guard let pairs else { return nil }
        if pairs.count > 64 { return "too many pairs" }
        return pairs.contains { $0.name.utf8.contains(0) || $0.value.utf8.contains(0) } ? "a NUL in a pair" : nil
    }
}
