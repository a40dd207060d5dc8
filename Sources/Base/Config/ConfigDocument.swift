/// Texts made from the table of keys: the example file and the reference.
public enum ConfigDocument {
    private static let commentColumns = 100

    /// `config/cadenza.conf.example`: every key, commented out, with its default.
    public static func exampleFile() -> String {
        var text = """
            # Cadenza's configuration. Give it to the server by --config or CADENZA_CONFIG; without a file the
            # defaults below hold. The syntax is a subset of TOML: [section], key = value, # comment; a value is
            # a number or "text". The environment overrides any key: http.loops by CADENZA_HTTP_LOOPS.
            # An unknown key stops the start; all faults are reported at once.

            """
        for (section, keys) in sections() {
            text += "\n[\(section)]\n"
            for key in keys { text += exampleEntry(key) }
        }
        return text
    }

    private static func exampleEntry(_ key: SettingKey) -> String {
        var lines = wrapped(key.summary + " (\(key.allowed))")
        if let words = key.defaultInWords { lines.append("Default: \(words).") }
        if !key.aliases.isEmpty { lines.append("Also set by \(key.aliases.joined(separator: ", ")).") }
        if key.isSecret { lines.append("\(key.name)_file names a file that holds the value.") }
        let value = key.defaultInWords == nil ? key.literal(in: Settings()) : "\"…\""
        return lines.map { "# \($0)\n" }.joined() + "#\(key.name) = \(value)\n"
    }

    /// The tables of `docs/configuration.md`.
    public static func reference() -> String {
        sections().map { section, keys in
            "## [\(section)]\n\n| key | environment | value | default | meaning |\n|---|---|---|---|---|\n"
                + keys.map(referenceRow).joined()
        }.joined(separator: "\n")
    }

    private static func referenceRow(_ key: SettingKey) -> String {
        let names = ([key.variable] + key.aliases).map { "`\($0)`" }.joined(separator: ", ")
        let initial = key.defaultInWords ?? "`\(key.literal(in: Settings()))`"
        return "| `\(key.name)` | \(names) | \(key.allowed) | \(initial) | \(key.summary) |\n"
    }

    fileprivate static func sections() -> [(String, [SettingKey])] {
        var order: [String] = []
        for key in SettingKey.table where !order.contains(key.section) { order.append(key.section) }
        return order.map { section in (section, SettingKey.table.filter { $0.section == section }) }
    }

    private static func wrapped(_ text: String) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > commentColumns {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? word : " " + word
        }
        return lines + [line]
    }
}

extension Settings {
    /// Every key with its value, in the file's syntax.
    /// - Parameter redacted: hides what a secret key was set to.
    public func dump(redacted: Bool) -> String {
        ConfigDocument.sections().map { section, keys in
            "[\(section)]\n"
                + keys.map { key in
                    let isHidden = redacted && key.isSecret
                    return "\(key.name) = \(isHidden ? "\"(hidden)\"" : key.literal(in: self))\n"
                }.joined()
        }.joined(separator: "\n")
    }
}
