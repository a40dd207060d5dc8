import Core
import Glibc
import Telemetry
import Testing

/// A pipe whose write end plays standard error.
private final class Pipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// One read's worth (after a flush every line is in the pipe), empty if none comes within ten seconds.
    func text() -> String {
        var waiting = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 10_000) == 1 else { return "" }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(readEnd, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

@Suite struct LoggerTests {
    @Test func `a line is one JSON object with the fields in order`() async throws {
        let pipe = try Pipe()
        let log = Logger(descriptor: pipe.writeEnd, time: ManualTime(Timestamp(milliseconds: 0)))
        log.info("job completed", ["job": "job_1", "seconds": 1.5, "tries": 2, "cached": false])
        await log.flush()
        #expect(
            pipe.text() == """
                {"time":"1970-01-01T00:00:00.000Z","level":"info","message":"job completed","job":"job_1",\
                "seconds":1.5,"tries":2,"cached":false}

                """)
    }

    @Test func `a line below the level is neither written nor built`() async throws {
        let pipe = try Pipe()
        let log = Logger(level: .warning, descriptor: pipe.writeEnd)
        func mustNotRun() -> String {
            Issue.record("the message of a silent line was built")
            return ""
        }
        log.info(mustNotRun())
        log.error("seen")
        await log.flush()
        let lines = pipe.text().split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines.first?.contains("seen") == true)
    }

    @Test func `a logger made with fields adds them to its lines only`() async throws {
        let pipe = try Pipe()
        let log = Logger(descriptor: pipe.writeEnd, format: .readable, time: ManualTime(Timestamp(milliseconds: 0)))
        log.with(["request": "req_1"]).info("done", ["status": 200])
        log.info("idle")
        await log.flush()
        #expect(pipe.text() == "00:00:00.000 info    done  request=req_1  status=200\n00:00:00.000 info    idle\n")
    }

    @Test func `control characters never reach the terminal`() async throws {
        let pipe = try Pipe()
        let log = Logger(descriptor: pipe.writeEnd, format: .readable)
        log.info("a\nb\u{1B}[31m", ["x": "\u{9B}0m\u{202E}"])
        await log.flush()
        let text = pipe.text()
        #expect(text.unicodeScalars.filter { $0.properties.generalCategory == .control } == ["\n"])
        #expect(!text.unicodeScalars.contains("\u{202E}"))
        #expect(text.contains("a\\u{a}b\\u{1b}[31m"))
    }

    @Test func `a field cannot take the place of the line's own members`() async throws {
        let pipe = try Pipe()
        let log = Logger(descriptor: pipe.writeEnd, format: .json)
        log.info("real", ["message": "forged", "level": "error"])
        await log.flush()
        let line = try JSONParser.parse(Array(pipe.text().utf8.dropLast()))
        #expect(line["message"] == "real")
        #expect(line["level"] == "info")
        #expect(line["message_"] == "forged")
    }

    @Test func `who logs to a stuck descriptor never waits and the loss is counted`() async throws {
        let pipe = try Pipe()
        let log = Logger(descriptor: pipe.writeEnd, bufferBytesMax: 16 << 10)
        // Far more than pipe (64 KiB) and buffer hold while nobody reads: a blocking logger would hang here.
        let filler = String(repeating: "x", count: 1000)
        for _ in 0..<500 { log.info(filler) }
        async let flushed: Void = log.flush()
        var lines: Int64 = 0
        var dropped: Int64 = 0
        var pending = ""
        while lines + dropped < 500 {
            let text = pipe.text()
            if text.isEmpty { break }
            pending += text
            while let end = pending.firstIndex(of: "\n") {
                let line = try JSONParser.parse(Array(pending[..<end].utf8))
                if line["message"] == "log lines dropped" {
                    dropped += line["count"]?.integer ?? 0
                } else {
                    lines += 1
                }
                pending = String(pending[pending.index(after: end)...])
            }
        }
        await flushed
        #expect(lines + dropped == 500)
        #expect(dropped > 0)
    }

    @Test func `lines that come together are written together, in order`() async throws {
        let pipe = try Pipe()
        let log = Logger(descriptor: pipe.writeEnd, format: .readable, time: ManualTime(Timestamp(milliseconds: 0)))
        for number in 0..<100 { log.line(.info, "line") { $0.add("number", number) } }
        await log.flush()
        let lines = pipe.text().split(separator: "\n")
        #expect(lines.map(String.init) == (0..<100).map { "00:00:00.000 info    line  number=\($0)" })
    }

    @Test func `a line leaves without being flushed`() throws {
        let pipe = try Pipe()
        let log = Logger(descriptor: pipe.writeEnd, format: .readable, time: ManualTime(Timestamp(milliseconds: 0)))
        log.warning("look")
        #expect(pipe.text() == "00:00:00.000 warning look\n")
    }
}
