/// A media type with its parameters (RFC 9110 §8.3.1).
public struct MediaType: Hashable, Sendable {
    /// In lower case, `multipart/form-data`.
    public let essence: String
    private let parameters: [FieldParameter]

    /// Reads a Content-Type; `nil` if it is malformed, or has a parameter twice or too many of them.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let parsed = bytes.withUnsafeBytes({ FieldParameter.parse($0) }) else { return nil }
        let halves = parsed.value.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isToken) }) else { return nil }
        essence = parsed.value
        parameters = parsed.parameters
    }

    /// The value of the parameter of that name, which is given in lower case.
    public func parameter(_ name: String) -> String? { parameters.first { $0.name == name }?.value }
}

/// `; name=value` of a field (RFC 9110 §5.6.6).
struct FieldParameter: Hashable, Sendable {
    /// In lower case.
    let name: String
    let value: String

    /// Parameters of one field: each is compared with all before it.
    static let countMax = 32

    /// Splits `value; a=b; c="d"`. `nil` if it is malformed, a name stands twice or there are more than `countMax`
    /// parameters. The value before the first semicolon comes back in lower case.
    ///
    /// In a quoted string only `\"` and `\\` are taken as escapes: browsers send the backslashes of a file name bare.
    static func parse(_ bytes: Bytes) -> (value: String, parameters: [FieldParameter])? {
        let valueEnd = bytes.firstIndex(of: ASCII.semicolon, from: 0) ?? bytes.count
        let value = bytes.sub(0..<valueEnd).trimmed.fieldText.lowercased()
        var parameters: [FieldParameter] = []
        var index = valueEnd
        while index < bytes.count {
            // At a semicolon; an empty parameter is passed over.
            index += 1
            skipBlanks(bytes, &index)
            if index == bytes.count || bytes[index] == ASCII.semicolon { continue }
            let nameStart = index
            while index < bytes.count, bytes[index].isToken { index += 1 }
            guard index > nameStart, index < bytes.count, bytes[index] == ASCII.equals else { return nil }
            let name = bytes.sub(nameStart..<index).text.lowercased()
            index += 1
            guard let text = parameterValue(bytes, &index), parameters.count < countMax,
                !parameters.contains(where: { $0.name == name })
            else { return nil }
            parameters.append(FieldParameter(name: name, value: text))
            skipBlanks(bytes, &index)
            guard index == bytes.count || bytes[index] == ASCII.semicolon else { return nil }
        }
        return (value, parameters)
    }

    private static func skipBlanks(_ bytes: Bytes, _ index: inout Int) {
        while index < bytes.count, bytes[index].isBlank { index += 1 }
    }

    private static func parameterValue(_ bytes: Bytes, _ index: inout Int) -> String? {
        guard index < bytes.count, bytes[index] == ASCII.quote else {
            let start = index
            while index < bytes.count, bytes[index].isToken { index += 1 }
            return index > start ? bytes.sub(start..<index).text : nil
        }
        index += 1
        var unquoted: [UInt8] = []
        while index < bytes.count, bytes[index] != ASCII.quote {
            if bytes[index] == ASCII.backslash, index + 1 < bytes.count,
                bytes[index + 1] == ASCII.quote || bytes[index + 1] == ASCII.backslash
            {
                index += 1
            }
            guard bytes[index].isFieldValue else { return nil }
            unquoted.append(bytes[index])
            index += 1
        }
        guard index < bytes.count else { return nil }
        index += 1
        return unquoted.withUnsafeBytes { $0.fieldText }
    }
}
