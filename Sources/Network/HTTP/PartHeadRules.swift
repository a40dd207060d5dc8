/// The fields of a part, judged as they pass (RFC 7578 §4.2…4.8).
struct PartHeadRules: Sendable {
    private var fieldCount = 0
    private var name: String?
    private var filename: String?
    private var contentType: MediaType?

    mutating func take(_ line: [UInt8], fieldsMax: Int) throws(MultipartError) {
        fieldCount += 1
        guard fieldCount <= fieldsMax else { throw .malformed(reason: "a part with too many fields") }
        let split = line.withUnsafeBytes { bytes -> (name: String, value: [UInt8])? in
            guard let field = try? FieldLine(bytes) else { return nil }
            return (field.name.text.lowercased(), Array(field.value))
        }
        guard let split else { throw .malformed(reason: "a part's field is malformed") }
        switch split.name {
        case "content-disposition": try takeDisposition(split.value)
        case "content-type":
            let text = split.value.withUnsafeBytes { $0.fieldText }
            guard contentType == nil, let type = MediaType(text) else {
                throw .malformed(reason: "a part's Content-Type is malformed")
            }
            contentType = type
        case "content-transfer-encoding":
            let encoding = split.value.withUnsafeBytes { $0.fieldText }.lowercased()
            guard ["7bit", "8bit", "binary"].contains(encoding) else {
                throw .malformed(reason: "a part has a transfer encoding")
            }
        default: break
        }
    }

    func finish() throws(MultipartError) -> PartHead {
        guard let name else { throw .malformed(reason: "a part without a name") }
        return PartHead(name: name, filename: filename, contentType: contentType)
    }

    private mutating func takeDisposition(_ value: [UInt8]) throws(MultipartError) {
        let parsed = value.withUnsafeBytes { FieldParameter.parse($0) }
        guard name == nil, let parsed, parsed.value == "form-data",
            let given = parsed.parameters.first(where: { $0.name == "name" })
        else { throw .malformed(reason: "a part's Content-Disposition is malformed") }
        name = Self.unescaped(given.value)
        // RFC 7578 §4.2: `filename*` must not be used, so a name that only it gives is none.
        filename = parsed.parameters.first { $0.name == "filename" }.map {
            Self.lastComponent(Self.unescaped($0.value))
        }
    }

    /// Browsers write a quote as `%22`, and CR and LF likewise; nothing else is encoded, not even the percent sign
    /// (WHATWG HTML §4.10.21.8). An end of line stays encoded: it has no place in a file's name.
    private static func unescaped(_ name: String) -> String {
        var rest = Array(name.utf8)[...]
        var plain: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == ASCII.percent, rest.starts(with: "22".utf8) {
                rest = rest.dropFirst(2)
                plain.append(ASCII.quote)
            } else {
                plain.append(byte)
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }

    /// RFC 7578 §4.2: directories in the name mean nothing here.
    private static func lastComponent(_ name: String) -> String {
        String(
            decoding: name.utf8.split(whereSeparator: { $0 == ASCII.slash || $0 == ASCII.backslash }).last ?? [],
            as: UTF8.self)
    }
}
