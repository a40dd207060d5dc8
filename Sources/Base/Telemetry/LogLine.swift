public import Core

/// What a line looks like: one JSON object for machines, one readable line for people.
public enum LogFormat: Sendable {
    case json
    case readable
}

/// One line while it is built, ended by a line feed; no other control byte stands in it, whatever the caller passed.
public struct LogLine: ~Copyable {
    private static let ownNames: Set<String> = ["time", "level", "message"]

    @usableFromInline let format: LogFormat
    @usableFromInline var bytes = ByteBuffer(capacity: 512)

    /// The beginning, to which the message is appended next.
    init(format: LogFormat, time: Timestamp, level: LogLevel) {
        self.format = format
        switch format {
        case .json:
            bytes.append(literal: "{\"time\":\"")
            time.appendDate(to: &bytes)
            bytes.append(UInt8(ascii: "T"))
            time.appendClock(to: &bytes)
            bytes.append(literal: "Z\",\"level\":\"")
            bytes.append(level.name)
            bytes.append(literal: "\",\"message\":")
        case .readable:
            time.appendClock(to: &bytes)
            switch level {
            case .debug: bytes.append(literal: " debug   ")
            case .info: bytes.append(literal: " info    ")
            case .warning: bytes.append(literal: " warning ")
            case .error: bytes.append(literal: " error   ")
            }
        }
    }

    /// Adds a field. Its name is none of the line's own. Inlined for the sake of the names, which are constants.
    @inlinable @inline(__always) public mutating func add(_ name: StaticString, _ value: String) {
        begin(name)
        append(value)
    }

    @inlinable @inline(__always) public mutating func add(_ name: StaticString, _ value: Int) {
        begin(name)
        bytes.append(decimal: Int64(value))
    }

    /// Adds a field whose value is known to need no escape.
    @inlinable @inline(__always) public mutating func add(_ name: StaticString, literal value: StaticString) {
        begin(name)
        append(literal: value)
    }

    public mutating func add<Kind>(_ name: StaticString, _ value: Identifier<Kind>) {
        begin(name)
        if format == .json { bytes.append(UInt8(ascii: "\"")) }
        value.write(to: &bytes)
        if format == .json { bytes.append(UInt8(ascii: "\"")) }
    }

    /// Adds a field; one that the line has itself, such as `time`, gets an underscore.
    mutating func add(_ name: String, _ value: JSON) {
        switch format {
        case .json:
            bytes.append(UInt8(ascii: ","))
            JSON.write(Self.ownNames.contains(name) ? name + "_" : name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
        case .readable:
            bytes.append(literal: "  ")
            escape(name)
            bytes.append(UInt8(ascii: "="))
        }
        if case .string(let text) = value { append(text) } else { value.write(to: &bytes) }
    }

    mutating func end() {
        if format == .json { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: "\n"))
    }

    @inlinable @inline(__always) mutating func begin(_ name: StaticString) {
        switch format {
        case .json:
            bytes.append(literal: ",\"")
            bytes.append(literal: name)
            bytes.append(literal: "\":")
        case .readable:
            bytes.append(literal: "  ")
            bytes.append(literal: name)
            bytes.append(UInt8(ascii: "="))
        }
    }

    @inlinable @inline(__always) mutating func append(literal text: StaticString) {
        if format == .json { bytes.append(UInt8(ascii: "\"")) }
        bytes.append(literal: text)
        if format == .json { bytes.append(UInt8(ascii: "\"")) }
    }

    /// The message, which comes first, or a field's value.
    @usableFromInline mutating func append(_ text: String) {
        switch format {
        case .json: JSON.write(text, to: &bytes)
        case .readable: escape(text)
        }
    }

    /// A terminal obeys control characters: a client's text must not reach it as such.
    private mutating func escape(_ text: String) {
        if text.withBytes({ bytes.append(plainText: $0) }) { return }
        escapeScalars(text)
    }

    private mutating func escapeScalars(_ text: String) {
        for scalar in text.unicodeScalars {
            if Self.isControl(scalar) {
                bytes.append("\\u{\(String(scalar.value, radix: 16))}")
            } else {
                bytes.append(String(scalar))
            }
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
    }
}
