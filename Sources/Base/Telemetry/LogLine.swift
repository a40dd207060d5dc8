internal import Core

/// What a line looks like: one JSON object for machines, one readable line for people.
public enum LogFormat: Sendable {
    case json
    case readable
}

/// One line while it is built, ended by a line feed; no other control byte stands in it, whatever the caller passed.
public struct LogLine {
    private static let ownNames: Set<String> = ["time", "level", "message"]

    private let format: LogFormat
    private(set) var bytes: [UInt8] = []

    init(format: LogFormat, time: Timestamp, level: LogLevel, message: String) {
        self.format = format
        bytes.reserveCapacity(256)
        switch format {
        case .json:
            bytes.append(ascii: "{\"time\":\"")
            time.appendDate(to: &bytes)
            bytes.append(UInt8(ascii: "T"))
            time.appendClock(to: &bytes)
            bytes.append(ascii: "Z\",\"level\":\"")
            bytes.append(text: level.name)
            bytes.append(ascii: "\",\"message\":")
            JSON.write(message, to: &bytes)
        case .readable:
            time.appendClock(to: &bytes)
            bytes.append(UInt8(ascii: " "))
            bytes.append(text: level.name)
            for _ in level.name.utf8.count..<8 { bytes.append(UInt8(ascii: " ")) }
            escape(message)
        }
    }

    /// Adds a field; one that the line has itself, such as `time`, gets an underscore.
    public mutating func add(_ name: String, _ value: String) {
        begin(name)
        switch format {
        case .json: JSON.write(value, to: &bytes)
        case .readable: escape(value)
        }
    }

    public mutating func add(_ name: String, _ value: Int) {
        begin(name)
        bytes.append(decimal: Int64(value))
    }

    mutating func add(_ name: String, _ value: JSON) {
        if case .string(let text) = value { return add(name, text) }
        begin(name)
        value.write(to: &bytes)
    }

    mutating func end() {
        if format == .json { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func begin(_ name: String) {
        switch format {
        case .json:
            bytes.append(UInt8(ascii: ","))
            JSON.write(Self.ownNames.contains(name) ? name + "_" : name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
        case .readable:
            bytes.append(ascii: "  ")
            escape(name)
            bytes.append(UInt8(ascii: "="))
        }
    }

    /// A terminal obeys control characters: a client's text must not reach it as such.
    private mutating func escape(_ text: String) {
        var text = text
        let isPlain = text.withUTF8 { text in text.allSatisfy { $0 >= 0x20 && $0 < 0x7F } }
        if isPlain { return bytes.append(text: text) }
        for scalar in text.unicodeScalars {
            if Self.isControl(scalar) {
                bytes.append(text: "\\u{\(String(scalar.value, radix: 16))}")
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
    }
}
