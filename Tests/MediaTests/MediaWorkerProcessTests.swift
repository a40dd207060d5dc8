import Core
import Glibc
import Testing

@testable import Media

/// A decoder that was taken over may answer anything: it costs its own file and nothing else.
@Suite struct MediaWorkerProcessTests {
    private let scratch: Scratch
    /// A good second of audio, 44.1 kHz stereo; what the stand-ins say of it is theirs.
    private let path: String

    init() throws {
        scratch = try Scratch()
        path = scratch.file("x.wav")
        _ = try encode(tone(seconds: 1), .wav16, to: path)
    }

    /// A worker that is a shell script. A process of its own writes it: were this one to hold it open while another
    /// test forks, the system would call it busy.
    private func worker(_ script: String) throws -> MediaWorkerExecutable {
        let file = scratch.file("worker")
        let shell = try #require(popen("cat >'\(file)' && chmod 700 '\(file)'", "we"))
        fputs("#!/bin/sh\n\(script)\n", shell)
        try #require(pclose(shell) == 0)
        return MediaWorkerExecutable(path: file)
    }

    /// A worker that sends these bytes and ends well.
    private func worker(sending bytes: [UInt8]) throws -> MediaWorkerExecutable {
        try worker("exec cat '\(try scratch.write(bytes, "records"))'")
    }

    private func opening(_ change: (inout MediaOpening) -> Void = { _ in }) -> [UInt8] {
        var opening = MediaOpening(
            probe: MediaProbe(
                container: "wav", codec: "pcm_s16le", sampleRate: 44_100, channelCount: 2, channelLayout: "stereo",
                durationSeconds: 1, bitRate: nil, notes: []), sampleRate: 44_100, channelCount: 2)
        change(&opening)
        return MediaRecord.opening(opening).encoded()
    }

    private func audio(frameCount: Int) -> [UInt8] {
        MediaRecord.head(.audio, byteCount: 8 * frameCount) + [UInt8](repeating: 0, count: 8 * frameCount)
    }

    private func trailer(_ change: (inout DecodeSummary) -> Void = { _ in }) -> [UInt8] {
        var summary = DecodeSummary(
            sourceFrameCount: 1000, sourceSampleRate: 44_100, frameCount: 1000, sampleRate: 44_100, warningCount: 0,
            warnings: [])
        change(&summary)
        return MediaRecord.trailer(summary).encoded()
    }

    private func finish(_ bytes: [UInt8], limits: MediaLimits = MediaLimits()) throws -> DecodeSummary {
        try MediaDecoder(
            path: path, target: MediaTarget(sampleRate: 44_100, channelCount: 2), limits: limits,
            worker: worker(sending: bytes)
        ).finish()
    }

    @Test func `a stand-in that answers as it should is believed`() throws {
        #expect(try finish(opening() + audio(frameCount: 1000) + trailer()).frameCount == 1000)
    }

    @Test func `an opening that was not asked for, or is beyond the limits, is refused`() throws {
        let changes: [(inout MediaOpening) -> Void] = [
            { $0.channelCount = 1 }, { $0.channelCount = 3 }, { $0.sampleRate = 48_000 },
            { $0.probe.channelCount = 0 }, { $0.probe.channelCount = 9 }, { $0.probe.sampleRate = 7999 },
            { $0.probe.sampleRate = 384_001 }, { $0.probe.durationSeconds = .infinity },
            { $0.probe.durationSeconds = .nan }, { $0.probe.durationSeconds = -2 },
            { $0.probe.durationSeconds = 1e300 }, { $0.probe.durationSeconds = 7201 },
        ]
        for (index, change) in changes.enumerated() {
            expectRefusal(
                .mediaUnreadable, { _ = try finish(opening(change) + audio(frameCount: 1000) + trailer()) },
                "change \(index)")
        }
    }

    @Test func `a trailer that does not fit the audio is refused`() throws {
        let changes: [(inout DecodeSummary) -> Void] = [
            { $0.frameCount = 1001 }, { $0.sourceFrameCount = 0 }, { $0.sourceFrameCount = 1020 },
            { $0.sourceFrameCount = .max }, { $0.sampleRate = 48_000 }, { $0.sourceSampleRate = 1 },
        ]
        for (index, change) in changes.enumerated() {
            expectRefusal(
                .mediaUnreadable, { _ = try finish(opening() + audio(frameCount: 1000) + trailer(change)) },
                "change \(index)")
        }
    }

    @Test func `more audio than the limit is refused while it comes`() throws {
        var limits = MediaLimits()
        limits.durationSecondsMax = 1
        let second = audio(frameCount: 44_100)
        let end = trailer {
            $0.sourceFrameCount = 3 * 44_100
            $0.frameCount = 3 * 44_100
        }
        expectRefusal(.mediaUnreadable) { _ = try finish(opening() + second + second + second + end, limits: limits) }
    }

    @Test func `what only the parent can find is not believed of the child`() throws {
        for kind in [MediaError.Kind.canceled, .deadlineExceeded, .storageFull, .emptyFile, .fileTooLarge] {
            let record = MediaRecord.failure(MediaError(kind, "so it says")).encoded()
            expectRefusal(.mediaUnreadable, { _ = try finish(record) }, "\(kind)")
        }
    }

    @Test func `planes for another channel count than the file's are an error`() throws {
        let decoder = try MediaDecoder(path: path)
        expectRefusal(.internalError) { _ = try decoder.read(into: []) }
    }

    @Test func `garbage records are an unreadable file`() throws {
        for seed in UInt64(0)..<20 {
            var noise = Noise(state: seed)
            let count = Int.random(in: 0...2000, using: &noise)
            let garbage = (0..<count).map { _ in UInt8.random(in: 0...255, using: &noise) }
            expectRefusal(.mediaUnreadable, { _ = try finish(garbage) }, "seed \(seed)")
            expectRefusal(.mediaUnreadable, { _ = try finish(opening() + garbage) }, "seed \(seed)")
            let kind = [MediaRecord.Kind.opening, .trailer, .failure][Int(seed % 3)]
            let record = MediaRecord.head(kind, byteCount: garbage.count) + garbage
            expectRefusal(.mediaUnreadable, { _ = try finish(opening() + record) }, "seed \(seed)")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a child that closes its pipe and stays is killed`() throws {
        let sleeper = try worker("exec 1>&-\nexec sleep 600")
        let start = monotonicNanoseconds()
        expectRefusal(.mediaUnreadable) { _ = try MediaDecoder(path: path, worker: sleeper).probe() }
        #expect(monotonicNanoseconds() - start < 20_000_000_000)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a child that stays after its trailer is killed, and its file is unreadable`() throws {
        let records = try scratch.write(opening() + audio(frameCount: 1000) + trailer(), "records")
        let sleeper = try worker("cat '\(records)'\nexec sleep 600")
        expectRefusal(.mediaUnreadable) { _ = try MediaDecoder(path: path, worker: sleeper).finish() }
    }

    @Test func `a raised flag or a passed deadline ends the wait for a child that stays`() throws {
        for (flagged, deadlineSeconds) in [(true, nil), (false, 0.0)] {
            let flag = CancellationFlag()
            let input = open(path, O_RDONLY | O_CLOEXEC)
            defer { close(input) }
            let process = try MediaWorkerProcess(
                worker("exec 1>&-\nexec sleep 600"),
                request: MediaWorkerRequest(
                    mode: .probe, byteCount: 1, target: MediaTarget(), limits: MediaLimits()),
                input: input, cancellation: flag, deadlineSeconds: deadlineSeconds)
            if flagged { flag.raise() }
            let start = monotonicNanoseconds()
            #expect(process.wait() == .killed(signal: SIGKILL))
            #expect(monotonicNanoseconds() - start < 1_500_000_000)
        }
    }

    @Test func `a child that is killed for the flag or the deadline is no fault of the file`() throws {
        let records = try scratch.write(opening(), "records")
        let sleeper = try worker("cat '\(records)'\nexec 1>&-\nexec sleep 600")
        let flag = CancellationFlag()
        let decoder = try MediaDecoder(
            path: path, target: MediaTarget(sampleRate: 44_100, channelCount: 2), cancellation: flag, worker: sleeper)
        _ = try decoder.probe()
        flag.raise()
        expectRefusal(.canceled) { _ = try decoder.finish() }
        // Long enough to see the pipe closed, shorter than the patience with a child that stays.
        expectRefusal(.deadlineExceeded) {
            _ = try MediaDecoder(path: path, deadlineSeconds: 1, worker: worker("exec 1>&-\nexec sleep 600")).probe()
        }
    }
}
