/// A function with a body: where its declaration starts and how many lines it has to its closing brace.
struct FunctionSpan {
    let start: Int
    let lines: Int

    static func all(in source: SourceText) -> [FunctionSpan] {
        (SourceText.isC(source.path) ? bodiesInC(source.code) : bodiesInSwift(source.code)).map { start, end in
            FunctionSpan(start: start, lines: source.code[start..<end].count { $0 == newline } + 1)
        }
    }

    private static func bodiesInSwift(_ code: [UInt8]) -> [(Int, Int)] {
        ["func", "init", "deinit", "subscript", "var"].flatMap { keyword in
            SourceText.occurrences(of: keyword, in: code).compactMap { start -> (Int, Int)? in
                if start > 0, code[start - 1] == UInt8(ascii: ".") { return nil }
                return bodyStart(code, after: start + keyword.utf8.count, isVariable: keyword == "var")
                    .map { (start, closingBrace(code, from: $0)) }
            }
        }
    }

    /// The declaration's opening brace, `nil` where a requirement or a stored variable ends without one.
    private static func bodyStart(_ code: [UInt8], after offset: Int, isVariable: Bool) -> Int? {
        var depth = 0
        var last = UInt8(ascii: " ")
        for position in offset..<code.count {
            switch code[position] {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "{") where depth == 0: return position
            case UInt8(ascii: "}") where depth == 0: return nil
            case UInt8(ascii: "=") where depth == 0 && isVariable: return nil
            case newline where depth == 0 && isVariable: return nil
            case UInt8(ascii: "f") where depth == 0 && !last.isOfName:
                if code[position...].starts(with: Array("func ".utf8)) { return nil }
            default: break
            }
            if depth < 0 { return nil }
            last = code[position]
        }
        return nil
    }

    private static func closingBrace(_ code: [UInt8], from open: Int) -> Int {
        var depth = 0
        for position in open..<code.count {
            if code[position] == UInt8(ascii: "{") { depth += 1 }
            if code[position] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return position }
        }
        return code.count
    }

    /// In C a body is a brace outside all others that follows a parenthesis.
    private static func bodiesInC(_ code: [UInt8]) -> [(Int, Int)] {
        var found: [(Int, Int)] = []
        var start: Int?
        var last = UInt8(ascii: " ")
        var position = 0
        while position < code.count {
            let byte = code[position]
            if byte == UInt8(ascii: "{") {
                let end = closingBrace(code, from: position)
                if last == UInt8(ascii: ")"), let start { found.append((start, end)) }
                // Declarations in an extern "C" block count as outside.
                if last == UInt8(ascii: ")") || last == UInt8(ascii: "=") { position = end }
                start = nil
            } else if byte == UInt8(ascii: ";") || byte == UInt8(ascii: "}") {
                start = nil
            } else if byte == UInt8(ascii: "#"), start == nil {
                while position < code.count, code[position] != newline {
                    position += code[position] == UInt8(ascii: "\\") ? 2 : 1
                }
            } else if !byte.isBlank, start == nil {
                start = position
            }
            if !byte.isBlank { last = byte }
            position += 1
        }
        return found
    }
}
