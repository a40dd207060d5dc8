import Core
import Glibc
import Media
import Testing

/// Bad input: each kind has its own refusal, and none harms the parent.
@Suite struct MediaRubbishTests {
    @Test func `every kind of error has the problem code of its name`() {
        for kind in MediaError.Kind.allCases where ![.canceled, .internalError].contains(kind) {
            let code = MediaError(kind, "").code.rawValue
            #expect(code.filter { $0 != "_" } == kind.rawValue.lowercased())
        }
    }

    @Test func `an empty file and a file over the limit are refused before anything is started`() throws {
        let scratch = try Scratch()
        let nothing = MediaWorkerExecutable(path: "/nonexistent")
        let empty = try scratch.write([], "x.wav")
        expectRefusal(.emptyFile) { _ = try MediaInspector.probe(path: empty, worker: nothing) }
        var limits = MediaLimits()
        limits.bytesMax = 99
        let large = try scratch.write([UInt8](repeating: 0, count: 100), "y.wav")
        expectRefusal(.fileTooLarge) { _ = try MediaInspector.probe(path: large, limits: limits, worker: nothing) }
    }

    @Test func `text named mp3 is an unsupported format`() throws {
        let scratch = try Scratch()
        let text = Array(String(repeating: "All work and no play makes Jack a dull boy.\n", count: 200).utf8)
        let path = try scratch.write(text, "song.mp3")
        expectRefusal(.unsupportedMedia) { _ = try MediaInspector.probe(path: path) }
        let playlist = try scratch.write(Array("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n".utf8), "list.m3u8")
        expectRefusal(.unsupportedMedia) { _ = try MediaInspector.probe(path: playlist) }
    }

    @Test func `a picture is not audio`() throws {
        let scratch = try Scratch()
        let head: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
        let path = try scratch.write(head + Array("IHDR".utf8) + [UInt8](repeating: 1, count: 600), "x.png")
        expectRefusal(.unsupportedMedia) { _ = try MediaInspector.probe(path: path) }
    }

    @Test(arguments: [AudioFormat.mp3, .m4a, .wav16, .flac])
    func `a file cut in the middle is truncated`(format: AudioFormat) throws {
        let scratch = try Scratch()
        let path = scratch.file("whole")
        _ = try encode(tone(seconds: 6), format, to: path)
        let bytes = try Scratch.read(path)
        let cut = try scratch.write(Array(bytes.prefix(bytes.count / 2)), "cut")
        expectRefusal(.mediaTruncated) { _ = try decode(cut) }
        expectRefusal(.mediaTruncated) { _ = try MediaInspector.probe(path: cut) }
    }

    @Test(arguments: [AudioFormat.ogg, .opus])
    func `a cut file that promises no length is probed as long as what is there`(format: AudioFormat) throws {
        let scratch = try Scratch()
        let path = scratch.file("whole")
        _ = try encode(tone(seconds: 6), format, to: path)
        #expect(try abs(#require(MediaInspector.probe(path: path).durationSeconds) - 6) < 0.1)
        let bytes = try Scratch.read(path)
        let cut = try scratch.write(Array(bytes.prefix(bytes.count / 2)), "cut")
        let probed = try #require(MediaInspector.probe(path: cut).durationSeconds)
        #expect(abs(probed - (try decode(cut).summary.durationSeconds)) < 0.1)
        #expect(probed < 4)
    }

    @Test(arguments: AudioFormat.allCases)
    func `a probe tells the length that decoding gives, without the encoder's padding`(format: AudioFormat) throws {
        let scratch = try Scratch()
        let path = scratch.file("whole")
        _ = try encode(tone(seconds: 3), format, to: path)
        let decoded = try decode(path).summary.durationSeconds
        let probed = try #require(MediaInspector.probe(path: path).durationSeconds)
        // What is charged for must not begin another ten minutes by a codec's last packet.
        #expect(abs(probed - decoded) < 0.001, "\(probed) s probed, \(decoded) s decoded")
    }

    @Test func `an mp3 of varying bit rate without a length in its header is measured, not estimated`() throws {
        let scratch = try Scratch()
        let path = scratch.file("whole.mp3")
        // Frames of silence are the smallest there are, so an estimate from the first ones is far off.
        var block = tone(seconds: 6)
        block.withMutablePlanes { planes in
            for plane in planes { plane[..<(plane.count / 2)].update(repeating: 0) }
        }
        _ = try encode(block, .mp3, to: path)
        var bytes = try Scratch.read(path)
        // Without its name the Xing frame is a frame of silence like any other.
        for name in ["Xing", "Info"] {
            let tag = Array(name.utf8)
            for start in 0..<min(400, bytes.count - 4) where Array(bytes[start..<start + 4]) == tag {
                bytes.replaceSubrange(start..<start + 4, with: [0, 0, 0, 0])
            }
        }
        let probe = try MediaInspector.probe(path: try scratch.write(bytes, "bare.mp3"))
        #expect(abs(try #require(probe.durationSeconds) - 6) < 0.2)
        #expect(probe.notes.isEmpty)
    }

    @Test func `an estimate beyond the limit refuses nothing that is within it`() throws {
        let scratch = try Scratch()
        // Mono frames of 1152 silent samples (ISO/IEC 11172-3): 100 of 32 kbit/s, then 200 of 320 kbit/s.
        let small: [UInt8] = [0xFF, 0xFB, 0x10, 0xC0] + [UInt8](repeating: 0, count: 100)
        let large: [UInt8] = [0xFF, 0xFB, 0xE0, 0xC0] + [UInt8](repeating: 0, count: 1040)
        let frames = [[UInt8]](repeating: small, count: 100) + [[UInt8]](repeating: large, count: 200)
        let path = try scratch.write(frames.flatMap { $0 }, "growing.mp3")
        let seconds = 300.0 * 1152 / 44_100
        var limits = MediaLimits()
        limits.durationSecondsMax = 9
        let estimate = try #require(MediaDecoder(path: path).probe().durationSeconds)
        try #require(estimate > 9, "\(estimate)")
        let probed = try #require(MediaInspector.probe(path: path, limits: limits).durationSeconds)
        #expect(abs(probed - seconds) < 0.1)
        #expect(try abs(decode(path, limits: limits).summary.durationSeconds - seconds) < 0.1)
    }

    @Test func `an m4a whose index was at the cut-off end is truncated`() throws {
        let scratch = try Scratch()
        func box(_ name: String, _ size: Int) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } + Array(name.utf8)
        }
        let file =
            box("ftyp", 16) + Array("M4A ".utf8) + [0, 0, 0, 0] + box("mdat", 1_000_000)
            + [UInt8](repeating: 7, count: 400_000)
        let path = try scratch.write(file, "x.m4a")
        expectRefusal(.mediaTruncated) { _ = try MediaInspector.probe(path: path) }
    }

    @Test func `a tag behind an m4a's last box is no promise of more audio`() throws {
        let scratch = try Scratch()
        let path = scratch.file("whole.m4a")
        _ = try encode(tone(seconds: 2), .m4a, to: path)
        let tag = Array("TAGTitle of the song".utf8)
        let tagged = try Scratch.read(path) + tag + [UInt8](repeating: 0x20, count: 128 - tag.count)
        let probe = try MediaInspector.probe(path: try scratch.write(tagged, "tagged.m4a"))
        #expect(abs(try #require(probe.durationSeconds) - 2) < 0.001)
        #expect(try decode(scratch.file("tagged.m4a")).summary.sourceFrameCount == 88_200)
    }

    @Test func `a wav that promises more than it holds is truncated, a few lost bytes are not`() throws {
        let scratch = try Scratch()
        let liar = try scratch.write(waveFile(dataBytes: 176_400, claimedBytes: 2_000_000_000), "liar.wav")
        expectRefusal(.mediaTruncated) { _ = try MediaInspector.probe(path: liar) }
        let nearly = try scratch.write(waveFile(dataBytes: 176_400, claimedBytes: 176_500), "nearly.wav")
        #expect(try decode(nearly).summary.sourceFrameCount == 44_100)
    }

    @Test func `a hundred channels are refused by name`() throws {
        let scratch = try Scratch()
        let path = try scratch.write(waveFile(channelCount: 100, dataBytes: 200_000), "x.wav")
        do throws(MediaError) {
            _ = try MediaInspector.probe(path: path)
            Issue.record("accepted")
        } catch {
            #expect(error.kind == .tooManyChannels)
            #expect(error.detail == "The audio has 100 channels; at most 8 are accepted")
        }
    }

    @Test(arguments: [4000, 500_000])
    func `a sample rate out of range is refused`(rate: Int) throws {
        let scratch = try Scratch()
        let path = try scratch.write(waveFile(sampleRate: rate, dataBytes: 100_000), "x.wav")
        expectRefusal(.sampleRateOutOfRange) { _ = try MediaInspector.probe(path: path) }
    }

    @Test func `a three-hour wav is refused by its header`() throws {
        let scratch = try Scratch()
        let bytes = 3 * 3600 * 8000 * 2
        let path = try scratch.write(
            waveFile(channelCount: 1, sampleRate: 8000, dataBytes: 0, claimedBytes: UInt32(bytes)), "x.wav")
        // A sparse file: as long as it says, without the disk.
        try #require(truncate(path, 44 + bytes) == 0)
        do throws(MediaError) {
            _ = try MediaInspector.probe(path: path)
            Issue.record("accepted")
        } catch {
            #expect(error.kind == .mediaTooLong)
            #expect(error.detail == "The audio is 10800 s long; at most 7200 s are accepted")
        }
    }

    @Test func `long silence in a tiny flac is too long, whatever its header says`() throws {
        let scratch = try Scratch()
        let path = scratch.file("x.flac")
        let encoder = try AudioEncoder(path: path, format: .flac, sampleRate: 8000, channelCount: 1)
        let minute = AudioBlock(channelCount: 1, frameCount: 480_000)
        for _ in 0..<6 { try encoder.write(minute) }
        let written = try encoder.finish()
        #expect(written.bytes * 50 < 6 * 480_000 * 2)
        var limits = MediaLimits()
        limits.durationSecondsMax = 300
        expectRefusal(.mediaTooLong) { _ = try MediaInspector.probe(path: path, limits: limits) }
        // STREAMINFO's 36-bit sample count (RFC 9639, 8.2) set to 0: unknown.
        var bytes = try Scratch.read(path)
        bytes[21] &= 0xF0
        for index in 22..<26 { bytes[index] = 0 }
        let silent = try scratch.write(bytes, "unknown.flac")
        expectRefusal(.mediaTooLong) { _ = try decode(silent, limits: limits) }
    }

    @Test func `random bytes are refused, whatever they resemble`() throws {
        let scratch = try Scratch()
        let heads: [[UInt8]] = [
            [], Array("RIFF\u{10}\u{0}\u{0}\u{0}WAVEfmt ".utf8), Array("fLaC".utf8), Array("OggS".utf8),
            Array("ID3\u{4}".utf8),
            [0xFF, 0xFB, 0x90, 0x64], [0, 0, 0, 0x18] + Array("ftypM4A ".utf8), [0x1A, 0x45, 0xDF, 0xA3],
            Array("FORM\u{0}\u{1}\u{0}\u{0}AIFFCOMM".utf8), [0xFF, 0xF1, 0x50, 0x80],
        ]
        for seed in UInt64(0)..<200 {
            var noise = Noise(state: seed)
            let count = Int.random(in: 1...20_000, using: &noise)
            let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &noise) }
            let path = try scratch.write(heads[Int(seed) % heads.count] + body, "noise")
            do throws(MediaError) {
                _ = try decode(path)
                Issue.record("seed \(seed) was decoded")
            } catch {
                #expect(![.internalError, .deadlineExceeded].contains(error.kind), "seed \(seed): \(error)")
            }
        }
    }

    @Test func `a file damaged in places is decoded around the damage, or refused, and never harms`() throws {
        let scratch = try Scratch()
        for format in [AudioFormat.mp3, .m4a, .ogg, .opus, .flac, .wav24] {
            let path = scratch.file("whole")
            _ = try encode(tone(seconds: 1), format, to: path)
            let whole = try Scratch.read(path)
            for seed in UInt64(0)..<10 {
                var noise = Noise(state: seed)
                var bytes = whole
                for _ in 0..<20 {
                    bytes[Int.random(in: 0..<bytes.count, using: &noise)] = UInt8.random(in: 0...255, using: &noise)
                }
                let damaged = try scratch.write(bytes, "damaged")
                do throws(MediaError) {
                    #expect(try decode(damaged).audio.samples.allSatisfy { $0.isFinite })
                } catch {
                    #expect(
                        ![.internalError, .deadlineExceeded].contains(error.kind), "\(format) seed \(seed): \(error)")
                }
            }
        }
    }
}
