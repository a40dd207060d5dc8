import Core
import Glibc
import Media
import Testing

@Suite struct AudioEncoderTests {
    @Test(arguments: AudioFormat.allCases, [1, 2])
    func `decoding what was encoded gives the same frame count`(format: AudioFormat, channelCount: Int) throws {
        let scratch = try Scratch()
        let path = scratch.file("x." + format.fileExtension)
        let source = tone(seconds: 3.217, channelCount: channelCount)
        let written = try encode(source, format, to: path)
        #expect(written.frameCount == (format == .opus ? 154_416 : 141_870))
        #expect(try Scratch.read(path).count == Int(written.bytes))
        let (audio, summary) = try decode(path, target: MediaTarget(sampleRate: 44_100))
        #expect(summary.sourceFrameCount == written.frameCount)
        #expect(audio.frameCount == source.frameCount)
        #expect(summary.warningCount == 0)
        let floors: [AudioFormat: Double] = [.wav16: 80, .wav24: 120, .wav32f: 200, .flac: 120]
        let floor = floors[format] ?? 25
        #expect(signalToNoise(source, audio, skip: 4096) > floor)
    }
}

extension AudioEncoderTests {
    @Test func `the word wav is an alias of wav16, and names are the raw values`() {
        #expect(AudioFormat(name: "wav") == .wav16)
        #expect(AudioFormat(name: "m4a") == .m4a)
        #expect(AudioFormat(name: "WAV") == nil)
    }

    @Test func `the same input and seed give the same bytes, another seed others`() throws {
        let scratch = try Scratch()
        let block = tone(seconds: 0.2)
        for format in AudioFormat.allCases {
            _ = try encode(block, format, to: scratch.file("a"))
            _ = try encode(block, format, to: scratch.file("b"))
            #expect(try Scratch.read(scratch.file("a")) == Scratch.read(scratch.file("b")), "\(format)")
        }
        var options = AudioEncoder.Options()
        _ = try encode(block, .wav16, to: scratch.file("a"), options: options)
        options.ditherSeed = 8
        _ = try encode(block, .wav16, to: scratch.file("b"), options: options)
        #expect(try Scratch.read(scratch.file("a")) != Scratch.read(scratch.file("b")))
    }

    @Test func `dither keeps a tone below one step that rounding alone would silence`() throws {
        let scratch = try Scratch()
        let quiet = tone(seconds: 1, channelCount: 1, amplitude: 0.4 / 32_768)
        var options = AudioEncoder.Options()
        options.dither = false
        _ = try encode(quiet, .wav16, to: scratch.file("plain"), options: options)
        #expect(try decode(scratch.file("plain")).audio.samples.allSatisfy { $0 == 0 })
        _ = try encode(quiet, .wav16, to: scratch.file("dithered"))
        let dithered = try decode(scratch.file("dithered")).audio
        // Its projection on the tone is the tone's own level: the error is not correlated with it.
        let dot = zip(quiet.samples, dithered.samples).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let power = quiet.samples.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(dot / power - 1) < 0.1)
    }

    @Test func `samples beyond full scale are limited and counted, in float kept`() throws {
        let scratch = try Scratch()
        let block = AudioBlock(channelCount: 1, frameCount: 5, samples: [0, 1.5, -2, 1, -1])
        for format in [AudioFormat.wav16, .wav24, .flac] {
            let path = scratch.file(format.rawValue)
            #expect(try encode(block, format, to: path).clippedSampleCount == 2, "\(format)")
            let back = try decode(path).audio.samples
            #expect(back[1] > 0.9999 && back[1] <= 1 && back[2] == -1)
        }
        #expect(try encode(block, .wav32f, to: scratch.file("f")).clippedSampleCount == 0)
        #expect(try decode(scratch.file("f")).audio.samples == block.samples)
    }

    @Test func `a sample that is not a number is refused`() throws {
        let scratch = try Scratch()
        for bad in [Float.nan, .infinity] {
            let block = AudioBlock(channelCount: 1, frameCount: 2, samples: [0, bad])
            expectRefusal(.internalError) { _ = try encode(block, .wav16, to: scratch.file("x")) }
        }
    }

    @Test func `what a format cannot hold is refused by name`() throws {
        let scratch = try Scratch()
        let surround = AudioBlock(channelCount: 6, frameCount: 10)
        expectRefusal(.invalidOption) { _ = try encode(surround, .mp3, to: scratch.file("x")) }
        expectRefusal(.invalidOption) {
            _ = try AudioEncoder(path: scratch.file("x"), format: .wav16, sampleRate: 44_100, channelCount: 9)
        }
    }

    @Test func `a full disk is a storage error`() {
        let block = AudioBlock(channelCount: 2, frameCount: 200_000)
        for format in [AudioFormat.wav16, .ogg, .mp3] {
            expectRefusal(.storageFull) { _ = try encode(block, format, to: "/dev/full") }
        }
    }

    @Test(arguments: AudioFormat.allCases)
    func `an encoding without a frame completes`(format: AudioFormat) throws {
        let scratch = try Scratch()
        let encoder = try AudioEncoder(
            path: scratch.file("x"), format: format, sampleRate: 44_100, channelCount: 2)
        #expect(try encoder.finish().frameCount == 0)
        expectRefusal(.internalError) { _ = try encoder.finish() }
    }

    @Test func `a rate that a format lacks becomes one it has`() throws {
        let scratch = try Scratch()
        for (format, rate, expected) in [
            (AudioFormat.mp3, 96_000, 48_000), (.mp3, 88_200, 44_100), (.opus, 44_100, 48_000), (.m4a, 192_000, 96_000),
            (.wav24, 192_000, 192_000), (.ogg, 384_000, 192_000),
        ] {
            let path = scratch.file("x")
            let written = try encode(tone(seconds: 1, sampleRate: rate), format, sampleRate: rate, to: path)
            #expect(written.sampleRate == expected, "\(format) \(rate)")
            #expect(written.frameCount == Int64(expected))
            #expect(try MediaInspector.probe(path: path).sampleRate == expected)
        }
    }
}
