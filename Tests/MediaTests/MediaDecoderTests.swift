import Core
import Glibc
import Media
import Testing

@Suite struct MediaDecoderTests {
    @Test func `a probe says container, codec, form and length`() throws {
        let scratch = try Scratch()
        let expected: [(AudioFormat, String, String, Int)] = [
            (.wav24, "wav", "pcm_s24le", 32_000), (.flac, "flac", "flac", 32_000), (.mp3, "mp3", "mp3", 32_000),
            (.ogg, "ogg", "vorbis", 32_000), (.opus, "ogg", "opus", 48_000), (.m4a, "mov", "aac", 32_000),
        ]
        for (format, container, codec, rate) in expected {
            let path = scratch.file("x." + format.rawValue)
            _ = try encode(tone(seconds: 2, sampleRate: 32_000), format, sampleRate: 32_000, to: path)
            let probe = try MediaInspector.probe(path: path)
            #expect(probe.container == container)
            #expect(probe.codec == codec)
            #expect(probe.sampleRate == rate)
            #expect(probe.channelCount == 2 && probe.channelLayout == "stereo")
            #expect(abs((probe.durationSeconds ?? 0) - 2) < 0.06, "\(format)")
        }
    }

    @Test func `mono goes to both channels at its own level`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        let mono = tone(seconds: 0.5, channelCount: 1)
        _ = try encode(mono, .wav32f, to: path)
        let decoder = try MediaDecoder(path: path, target: MediaTarget(channelCount: 2))
        let block = try #require(try decoder.read(frameCountMax: 22_050))
        #expect(Array(block.plane(0)) == mono.samples)
        #expect(Array(block.plane(1)) == mono.samples)
        #expect(try decoder.probe().notes.contains { $0.contains("mono") })
    }

    @Test func `surround is mixed to stereo by BS 775 and noted`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        // FL FR FC LFE BL BR, each a constant of its own.
        let levels: [Float] = [0.1, 0.2, 0.3, 0.4, 0.05, 0.025]
        var block = AudioBlock(channelCount: 6, frameCount: 1000)
        for channel in 0..<6 { for frame in 0..<1000 { block.samples[channel * 1000 + frame] = levels[channel] } }
        _ = try encode(block, .wav32f, to: path)
        let decoder = try MediaDecoder(path: path, target: MediaTarget(channelCount: 2))
        let stereo = try #require(try decoder.read(frameCountMax: 1000))
        let half = Float(0.5).squareRoot()
        #expect(abs(stereo.plane(0)[500] - (0.1 + half * 0.3 + half * 0.05)) < 1e-5)
        #expect(abs(stereo.plane(1)[1500] - (0.2 + half * 0.3 + half * 0.025)) < 1e-5)
        #expect(try decoder.probe().notes.contains { $0.contains("mixed down to stereo") })
    }

    @Test func `stereo is mixed to mono as the mean`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        var block = AudioBlock(channelCount: 2, frameCount: 100)
        for frame in 0..<100 { block.samples[frame] = 0.5 }
        _ = try encode(block, .wav32f, to: path)
        let (audio, _) = try decode(path, target: MediaTarget(channelCount: 1))
        #expect(abs(audio.samples[50] - 0.25) < 1e-6)
    }

    @Test func `samples that are not numbers are silenced and reported`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        _ = try encode(tone(seconds: 0.1), .wav32f, to: path)
        var bytes = try Scratch.read(path)
        for index in 0..<4 { bytes[bytes.count - 400 + index] = [0, 0, 0xC0, 0x7F][index] }
        let (audio, summary) = try decode(try scratch.write(bytes, "nan.wav"))
        #expect(audio.samples.allSatisfy { $0.isFinite })
        #expect(summary.warningCount == 1)
        #expect(summary.warnings == ["1 samples are not numbers: silenced"])
    }

    @Test func `an mp3 behind a picture larger than the usual probe is still found`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.mp3")
        _ = try encode(tone(seconds: 1), .mp3, to: path)
        let size = 3_000_000
        let tag = Array("ID3".utf8) + [3, 0, 0] + [21, 14, 7, 0].map { UInt8(size >> $0 & 0x7F) }
        let picture: [UInt8] =
            Array("PRIV".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: (size - 10) >> (24 - 8 * $0)) } + [0, 0]
        let file = tag + picture + [UInt8](repeating: 0x41, count: size - 10) + (try Scratch.read(path))
        #expect(try decode(try scratch.write(file, "tagged.mp3")).summary.sourceFrameCount == 44_100)
    }

    @Test(arguments: [UInt32(0), .max])
    func `a live stream's wav without a size is read to its end`(claimed: UInt32) throws {
        let scratch = try Scratch()
        let path = try scratch.write(waveFile(dataBytes: 176_400, claimedBytes: claimed), "x.wav")
        #expect(try decode(path).summary.sourceFrameCount == 44_100)
    }

    @Test func `the frames delivered are the source's times the ratio of the rates`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.wav")
        for (rate, count) in [(48_000, 100_001), (96_000, 77_777), (22_050, 3), (11_025, 1)] {
            let block = AudioBlock(channelCount: 1, frameCount: count)
            _ = try encode(block, .wav16, sampleRate: rate, to: path)
            let (audio, summary) = try decode(path, target: MediaTarget(sampleRate: 44_100))
            #expect(summary.sourceFrameCount == Int64(count))
            #expect(audio.frameCount == Int((Double(count) * 44_100 / Double(rate)).rounded()))
            #expect(summary.frameCount == Int64(audio.frameCount))
        }
    }
}
