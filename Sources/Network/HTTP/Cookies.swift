/// The cookies that a client sends (RFC 6265 §4.2.1).
public enum Cookies {
    /// Pairs looked at; those behind them are passed over.
    public static let pairsMax = 64
    /// The length of a value; a longer one counts as absent.
    public static let valueBytesMax = 4096

    /// The value of the cookie `name`, without the quotes that may stand around it. `nil` if there is none, if it is
    /// malformed, or if there are several: which of them this server set, nobody can tell.
    public static func value(_ name: String, in fields: HTTPFields) -> String? {
        var found: String?
        var pairs = 0
        for field in fields.values("Cookie") {
            for pair in field.utf8.split(separator: ASCII.semicolon) {
                pairs += 1
                guard pairs <= pairsMax else { return nil }
                let pair = pair.drop { $0 == ASCII.space }
                guard let equals = pair.firstIndex(of: ASCII.equals), pair[..<equals].elementsEqual(name.utf8) else {
                    continue
                }
                guard found == nil, let value = value(pair[pair.index(after: equals)...]) else { return nil }
                found = value
            }
        }
        return found
    }

    private static func value(_ text: Substring.UTF8View) -> String? {
        var text = text
        if text.count >= 2, text.first == ASCII.quote, text.last == ASCII.quote { text = text.dropFirst().dropLast() }
        guard text.count <= valueBytesMax, text.allSatisfy(isOctet) else { return nil }
        return String(Substring(text))
    }

    /// cookie-octet: visible, and none of `" , ; \`.
    private static func isOctet(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != ASCII.quote && byte != ASCII.comma && byte != ASCII.semicolon
            && byte != ASCII.backslash
    }
}
