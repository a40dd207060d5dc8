/// A content coding that a response can be sent in (RFC 9110 §8.4.1).
public enum ContentCoding: String, Hashable, Sendable {
    case identity
    case gzip

    /// What a client that sent these fields is to be answered in.
    public enum Negotiated: Hashable, Sendable {
        case identity
        case gzip
        /// It refuses every coding there is: answer 406.
        case notAcceptable
    }

    /// Picks the coding with the highest weight (RFC 9110 §12.5.3); of equals gzip, which is smaller. Whoever calls it
    /// sends `Vary: Accept-Encoding`, whatever comes out.
    /// - Parameter available: what could be sent beside identity, which always can.
    public static func negotiate(_ fields: HTTPFields, available: [ContentCoding]) -> Negotiated {
        let accepted = AcceptEncoding(fields)
        let identity = accepted.weight(of: .identity)
        let gzip = available.contains(.gzip) ? accepted.weight(of: .gzip) : 0
        if gzip > 0, gzip >= identity { return .gzip }
        return identity > 0 ? .identity : .notAcceptable
    }
}

extension RequestHead {
    /// Whether the client refuses an answer without a coding.
    public var refusesIdentity: Bool {
        hasField("Accept-Encoding") && AcceptEncoding(fields).weight(of: .identity) == 0
    }
}

/// The codings that a client takes, with their weights in thousandths (RFC 9110 §12.5.3).
public struct AcceptEncoding: Hashable, Sendable {
    /// Codings looked at; those behind them are passed over.
    public static let codingsMax = 32

    private enum Name: Hashable {
        case coding(ContentCoding)
        case any
    }

    /// `nil` where there is no field, or none that can be read: the client has no preference.
    private var weights: [Name: Int]?

    /// Reads every Accept-Encoding of `fields`. One that is malformed counts as absent.
    public init(_ fields: HTTPFields) {
        let values = fields.values("Accept-Encoding")
        weights = values.isEmpty ? nil : Self.weights(values.joined(separator: ","))
    }

    /// The weight of `coding`, 0…1000; 0 means that it is not to be sent. Identity that is not named weighs least.
    public func weight(of coding: ContentCoding) -> Int {
        guard let weights else { return coding == .identity ? 1000 : 0 }
        if let weight = weights[.coding(coding)] ?? weights[.any] { return weight }
        return coding == .identity ? 1 : 0
    }

    /// Of a coding that stands twice, the first counts.
    private static func weights(_ list: String) -> [Name: Int]? {
        var weights: [Name: Int] = [:]
        let bytes = Array(list.utf8)
        return bytes.withUnsafeBytes { bytes -> [Name: Int]? in
            var start = 0
            var count = 0
            while start <= bytes.count, count < codingsMax {
                let end = bytes.firstIndex(of: ASCII.comma, from: start) ?? bytes.count
                let element = bytes.sub(start..<end).trimmed
                start = end + 1
                // RFC 9110 §5.6.1.2: empty elements of a list are passed over.
                if element.isEmpty { continue }
                count += 1
                let split = element.firstIndex(of: ASCII.semicolon, from: 0)
                let token = element.sub(0..<(split ?? element.count)).trimmed
                guard !token.isEmpty, token.allSatisfy(\.isToken) else { return nil }
                guard let weight = split.map({ QualityValue.parse(element.sub(from: $0 + 1).trimmed) }) ?? 1000 else {
                    return nil
                }
                if let name = name(token), weights[name] == nil { weights[name] = weight }
            }
            return weights
        }
    }

    private static func name(_ token: Bytes) -> Name? {
        if token.count == 1, token[0] == 0x2A { return .any }
        if token.equalsIgnoringCase("identity") { return .coding(.identity) }
        // RFC 9110 §8.4.1.3: x-gzip means gzip.
        return token.equalsIgnoringCase("gzip") || token.equalsIgnoringCase("x-gzip") ? .coding(.gzip) : nil
    }
}

/// `q=0.5` (RFC 9110 §12.4.2).
enum QualityValue {
    /// In thousandths; `nil` unless it is a number from 0 to 1 with at most three digits behind the point.
    static func parse(_ bytes: Bytes) -> Int? {
        guard (3...7).contains(bytes.count), bytes[0] | 0x20 == 0x71, bytes[1] == ASCII.equals, bytes[2].isDigit,
            bytes[2] <= ASCII.zero + 1, bytes.count == 3 || bytes[3] == ASCII.dot
        else { return nil }
        var weight = Int(bytes[2] - ASCII.zero) * 1000
        var unit = 100
        for byte in bytes.dropFirst(4) {
            guard byte.isDigit else { return nil }
            weight += Int(byte - ASCII.zero) * unit
            unit /= 10
        }
        return weight <= 1000 ? weight : nil
    }
}
