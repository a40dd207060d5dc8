/// The file's syntax, a strict subset of TOML 1.0: `[section]` lines, `key = value` lines, `#` comments. A value
/// is a bare number, or text between double quotes in which only `\"` and `\\` are escapes.
struct ConfigFile {
    struct Entry: Hashable {
        var section: String
        var name: String
        var value: String
        var line: Int
    }

    static let bytesMax = 1 << 20

    let name: String
    private(set) var entries: [Entry] = []
    private(set) var errors: [ConfigError] = []
    private var section: String?
    private var seen: [String: Int] = [:]

    /// Reads all of `text`; what is wrong with it is in `errors`.
    init(parsing text: String, name: String) {
        self.name = name
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            number += 1
            parse(line.trimmingBlanks, number: number)
        }
    }

    func place(_ line: Int) -> String { "\(name):\(line)" }

    private mutating func parse(_ content: Substring, number: Int) {
        if content.isEmpty || content.first == "#" { return }
        if content.first == "[" {
            section = Self.sectionName(content.dropFirst())
            if section == nil { fail(number, "a section is written [name]") }
            return
        }
        guard let equals = content.firstIndex(of: "=") else {
            return fail(number, "expected [section], key = value or a # comment")
        }
        let name = content[..<equals].trimmingBlanks
        guard Self.isName(name) else {
            return fail(number, "\"\(name)\" is no key: keys are lower-case letters, digits and _")
        }
        guard let value = Self.value(content[content.index(after: equals)...].trimmingBlanks) else {
            return fail(number, "the value of \(name) must be a number or \"text in double quotes\"")
        }
        guard let section else { return fail(number, "\(name) stands in no valid [section]") }
        if let first = seen.updateValue(number, forKey: "\(section).\(name)") {
            return fail(number, "\(section).\(name) is already set in line \(first)")
        }
        entries.append(Entry(section: section, name: String(name), value: value, line: number))
    }

    private mutating func fail(_ line: Int, _ message: String) {
        errors.append(ConfigError(place(line), message))
    }

    private static func sectionName(_ content: Substring) -> String? {
        guard let end = content.firstIndex(of: "]"), isName(content[..<end]),
            isEnd(content[content.index(after: end)...])
        else { return nil }
        return String(content[..<end])
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F }
    }

    /// Nothing but blanks and a comment.
    private static func isEnd(_ rest: Substring) -> Bool {
        let rest = rest.trimmingBlanks
        return rest.isEmpty || rest.first == "#"
    }

    private static func value(_ text: Substring) -> String? {
        guard text.first == "\"" else {
            let bare = text.prefix { $0 != "#" }.trimmingBlanks
            return Double(strictly: String(bare)) == nil ? nil : String(bare)
        }
        var value = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            switch character {
            case "\"": return isEnd(rest) ? value : nil
            case "\\":
                guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
                value.append(escaped)
            default: value.append(character)
            }
        }
        return nil
    }

    /// `text` as the file writes it.
    static func quote(_ text: String) -> String {
        var quoted = "\""
        for character in text {
            if character == "\"" || character == "\\" { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted + "\""
    }
}

extension Substring {
    var trimmingBlanks: Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
