public import Core
internal import Glibc

/// Structured log lines: `log.info("job completed", ["job": id])`. Never blocks and never throws.
///
/// Lines leave in batches, a few milliseconds late; warnings and errors, and the first line after a pause, at once.
public struct Logger: Sendable {
    public typealias Fields = KeyValuePairs<String, any Sendable & CustomStringConvertible>

    /// Lines waiting for a slow descriptor; beyond it they are dropped and counted.
    public static let bufferBytesMaxDefault = 1 << 20

    private let writer: LogWriter
    private let time: any TimeSource
    private let format: LogFormat
    private let context: [JSON.Member]
    public let level: LogLevel

    /// - Parameters:
    ///   - descriptor: where lines go, standard error by default; stays the caller's.
    ///   - format: by default readable on a terminal and JSON elsewhere.
    public init(
        level: LogLevel = .info, descriptor: Int32 = 2, format: LogFormat? = nil,
        time: any TimeSource = SystemTime(), bufferBytesMax: Int = bufferBytesMaxDefault
    ) {
        let format = format ?? (isatty(descriptor) == 1 ? .readable : .json)
        self.level = level
        self.format = format
        self.time = time
        context = []
        writer = LogWriter(descriptor: descriptor, bytesMax: bufferBytesMax) { count in
            var line = LogLine(format: format, time: time.now(), level: .warning)
            line.append("log lines dropped")
            line.add("count", count)
            line.end()
            return line.bytes.array()
        }
    }

    private init(_ logger: Logger, context: [JSON.Member]) {
        writer = logger.writer
        time = logger.time
        format = logger.format
        level = logger.level
        self.context = context
    }

    /// A logger that adds `fields` to each of its lines.
    public func with(_ fields: Fields) -> Logger { Logger(self, context: context + Self.members(fields)) }

    public func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.debug, message(), fields())
    }

    public func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.info, message(), fields())
    }

    public func warning(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.warning, message(), fields())
    }

    public func error(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.error, message(), fields())
    }

    /// The line is built only if its level passes.
    public func log(_ level: LogLevel, _ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields) {
        line(level) { line in
            line.append(message())
            for field in context { line.add(field.name, field.value) }
            for field in fields() { line.add(field.key, Self.json(field.value)) }
        }
    }

    /// As `log`, for what is logged with every request: no box and no dictionary is made for the fields.
    public func line(_ level: LogLevel, _ message: StaticString, _ build: (inout LogLine) -> Void) {
        line(level) { line in
            line.append(literal: message)
            for field in context { line.add(field.name, field.value) }
            build(&line)
        }
    }

    private func line(_ level: LogLevel, _ build: (inout LogLine) -> Void) {
        guard level >= self.level else { return }
        var line = LogLine(format: format, time: time.now(), level: level)
        build(&line)
        line.end()
        writer.append(line, isUrgent: level >= .warning)
    }

    /// Returns when every line logged before the call is written; for the end of the process.
    public func flush() async { await writer.flush() }

    private static func members(_ fields: Fields) -> [JSON.Member] {
        fields.map { JSON.Member($0.key, json($0.value)) }
    }

    private static func json(_ value: any Sendable & CustomStringConvertible) -> JSON {
        switch value {
        case let flag as Bool: .bool(flag)
        case let number as Double: .number(number)
        case let number as any FixedWidthInteger:
            if let exact = Int64(exactly: number) { .integer(exact) } else { .string(number.description) }
        default: .string(value.description)
        }
    }
}
