internal import Core

/// One key of the configuration: what drives parsing, the environment, checks, the dump and the documentation.
public struct SettingKey: Sendable {
    typealias Target<Value> = any WritableKeyPath<Settings, Value> & Sendable

    /// Where a value of the key goes and what it may be.
    enum Field: Sendable {
        case integer(Target<Int>, ClosedRange<Int>)
        /// Bytes: a whole number, or a number with KiB, MiB or GiB.
        case bytes(Target<Int>, ClosedRange<Int>)
        case number(Target<Double>, ClosedRange<Double>)
        case text(Target<String>)
        /// Text that may be empty, for none.
        case optionalText(Target<String>)
        case choice(Target<String>, [String])
        /// Text with commas between the items; none at all is an empty list.
        case list(Target<[String]>, Item)
    }

    /// What each item of a list must be.
    enum Item: String, Sendable {
        case range = "addresses or ranges such as 10.0.0.0/8"
        case origin = "origins such as https://app.example.com"
        case file = "file names"

        func accepts(_ text: String) -> Bool {
            switch self {
            case .range: IPRange(text) != nil
            case .origin: WebOrigin(text) != nil
            case .file: !text.utf8.contains { $0 < 0x20 || $0 == 0x7F }
            }
        }
    }

    public let section: String
    public let name: String
    /// What the documentation says about the key.
    public let summary: String
    /// In words, where the default depends on the machine or on another key.
    public let defaultInWords: String?
    /// Further environment variables that set the key; its own goes before them, the first before the others.
    public let aliases: [String]
    /// Hidden in a redacted dump; may also be given as a file's name under `name` + `_file`.
    public let isSecret: Bool
    let field: Field

    init(
        _ section: String, _ name: String, _ field: Field, _ summary: String, defaultInWords: String? = nil,
        aliases: [String] = [], isSecret: Bool = false
    ) {
        self.section = section
        self.name = name
        self.field = field
        self.summary = summary
        self.defaultInWords = defaultInWords
        self.aliases = aliases
        self.isSecret = isSecret
    }

    public var path: String { "\(section).\(name)" }

    /// `CADENZA_HTTP_LOOPS` for `http.loops`.
    public var variable: String { "CADENZA_\(section.uppercased())_\(name.uppercased())" }

    /// Reads `text` into `settings`, or says what is wrong with it; `nil` is success.
    func apply(_ text: String, to settings: inout Settings) -> String? {
        switch field {
        case .integer(let target, let range):
            guard let value = Int(strictly: text) else { return "needs a whole number, not \(quoted(text))" }
            guard range.contains(value) else { return outside }
            settings[keyPath: target] = value
        case .bytes(let target, let range):
            guard let value = ByteSize.parse(text) else {
                return "needs a number of bytes such as 1048576 or \"1.5 GiB\", not \(quoted(text))"
            }
            guard range.contains(value) else { return outside }
            settings[keyPath: target] = value
        case .number(let target, let range):
            guard let value = Double(strictly: text) else { return "needs a number, not \(quoted(text))" }
            guard range.contains(value) else { return outside }
            settings[keyPath: target] = value
        case .text(let target), .optionalText(let target):
            if case .text = field, text.isEmpty { return "must not be empty" }
            guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                return "must not contain control characters"
            }
            settings[keyPath: target] = text
        case .choice(let target, let names):
            guard names.contains(text) else { return "must be one of \(allowed), not \(quoted(text))" }
            settings[keyPath: target] = text
        case .list(let target, let item):
            let items = text.split(separator: ",").map { String($0.trimmingBlanks) }
            if let wrong = items.first(where: { !item.accepts($0) }) {
                return "needs \(item.rawValue), not \(quoted(wrong))"
            }
            settings[keyPath: target] = items
        }
        return nil
    }

    private var outside: String { "is out of range: \(allowed)" }

    private func quoted(_ text: String) -> String { isSecret ? "what was given" : "\"\(text)\"" }

    /// The key's value in `settings` as the file writes it.
    public func literal(in settings: Settings) -> String {
        switch field {
        case .integer(let target, _): String(settings[keyPath: target])
        case .bytes(let target, _): ByteSize.literal(settings[keyPath: target])
        case .number(let target, _): decimal(settings[keyPath: target])
        case .text(let target), .optionalText(let target), .choice(let target, _):
            ConfigFile.quote(settings[keyPath: target])
        case .list(let target, _): ConfigFile.quote(settings[keyPath: target].joined(separator: ", "))
        }
    }

    /// What a value may be, in words.
    public var allowed: String {
        switch field {
        case .integer(_, let range): "whole number, \(range.lowerBound) to \(range.upperBound)"
        case .bytes(_, let range): "bytes, \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound))"
        case .number(_, let range): "number, \(decimal(range.lowerBound)) to \(decimal(range.upperBound))"
        case .text, .optionalText: "text"
        case .choice(_, let names): names.joined(separator: ", ")
        case .list(_, let item): "\(item.rawValue), with commas between"
        }
    }
}
