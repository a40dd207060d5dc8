/// Why the pairs of a query or form cannot be read.
public enum PercentCodingError: Error, Hashable, Sendable {
    /// A bad escape, text that is not UTF-8, or an encoded NUL.
    case malformed
    case tooManyPairs(pairsMax: Int)
}

/// Percent-encoding of targets and forms (RFC 3986 §2.1, WHATWG URL §5).
public enum PercentCoding {
    /// The pairs of a query or an `application/x-www-form-urlencoded` body, in order. Empty pairs are passed over.
    public static func pairs(
        _ bytes: UnsafeRawBufferPointer, pairsMax: Int
    ) throws(PercentCodingError) -> [QueryItem] {
        var items: [QueryItem] = []
        var start = 0
        while start < bytes.count {
            let end = bytes.firstIndex(of: 0x26, from: start) ?? bytes.count
            let pair = bytes.sub(start..<end)
            start = end + 1
            if pair.isEmpty { continue }
            guard items.count < pairsMax else { throw .tooManyPairs(pairsMax: pairsMax) }
            let split = pair.firstIndex(of: ASCII.equals, from: 0)
            guard let name = text(pair.sub(0..<(split ?? pair.count))),
                let value = text(pair.sub(from: split.map { $0 + 1 } ?? pair.count))
            else { throw .malformed }
            items.append(QueryItem(name, value))
        }
        return items
    }

    private static func text(_ bytes: Bytes) -> String? {
        guard !bytes.contains(0) else { return nil }
        guard bytes.contains(where: { $0 == ASCII.percent || $0 == ASCII.plus || $0 >= 0x80 }) else {
            return bytes.text
        }
        guard let decoded = decode(bytes, plusIsSpace: true), !decoded.contains(0) else { return nil }
        return String(validating: decoded, as: UTF8.self)
    }

    /// The bytes that `bytes` stand for; `nil` where `%` is not followed by two hexadecimal digits.
    static func decode(_ bytes: Bytes, plusIsSpace: Bool) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == ASCII.percent {
                guard index + 2 < bytes.count, let high = bytes[index + 1].hexValue, let low = bytes[index + 2].hexValue
                else { return nil }
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(plusIsSpace && byte == ASCII.plus ? ASCII.space : byte)
                index += 1
            }
        }
        return decoded
    }
}
