internal import Core

/// What a line looks like: one JSON object for machines, one readable line for people.
public enum LogFormat: Sendable {
    case json
    case readable

    /// One line, ended by a line feed; no other control byte stands in it, whatever the caller passed.
    func line(time: Timestamp, level: LogLevel, message: String, fields: [JSON.Member]) -> [UInt8] {
        switch self {
        case .json: Self.jsonLine(time: time, level: level, message: message, fields: fields)
        case .readable: Self.readableLine(time: time, level: level, message: message, fields: fields)
        }
    }

    private static let ownNames: Set<String> = ["time", "level", "message"]

    private static func jsonLine(
        time: Timestamp, level: LogLevel, message: String, fields: [JSON.Member]
    ) -> [UInt8] {
        var members: [JSON.Member] = [
            .init("time", .string(time.description)), .init("level", .string(level.name)),
            .init("message", .string(message)),
        ]
        for field in fields {
            members.append(ownNames.contains(field.name) ? .init(field.name + "_", field.value) : field)
        }
        var line = JSON.object(members).encoded
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private static func readableLine(
        time: Timestamp, level: LogLevel, message: String, fields: [JSON.Member]
    ) -> [UInt8] {
        let clock = time.description.dropFirst(11).dropLast(1)
        let padding = String(repeating: " ", count: 7 - level.name.utf8.count)
        var text = "\(clock) \(level.name)\(padding) \(escaped(message))"
        for field in fields {
            let value = if case .string(let text) = field.value { escaped(text) } else { field.value.text }
            text += "  \(escaped(field.name))=\(value)"
        }
        return Array(text.utf8) + [UInt8(ascii: "\n")]
    }

    /// A terminal obeys control characters: a client's text must not reach it as such.
    private static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isControl(scalar) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
    }
}
