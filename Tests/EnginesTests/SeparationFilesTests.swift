import Core
import Glibc
import Media
import Testing

@testable import Engines

/// From file to files: the decoder's child, the spool and the encoders, with stand-in networks.
@Suite struct SeparationFilesTests {
    /// A temporary folder, gone with its owner.
    private final class Folder {
        let path: String

        init() throws {
            var template = Array("/tmp/cadenza-engines-XXXXXX".utf8CString)
            try #require(mkdtemp(&template) != nil)
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        deinit {
            for name in names { unlink("\(path)/\(name)") }
            rmdir(path)
        }

        var names: [String] {
            guard let folder = opendir(path) else { return [] }
            defer { closedir(folder) }
            var found: [String] = []
            while let entry = readdir(folder) {
                // SAFETY: d_name is a C string inside the entry, copied before the next readdir.
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { found.append(name) }
            }
            return found.sorted()
        }

        func write(_ block: AudioBlock, rate: Int = 44_100, format: AudioFormat = .wav32f) throws -> String {
            let song = path + "/song.\(format.fileExtension)"
            let encoder = try AudioEncoder(
                path: song, format: format, sampleRate: rate, channelCount: block.channelCount)
            try encoder.write(block)
            _ = try encoder.finish()
            return song
        }

        func read(_ file: String, rate: Int? = nil) throws -> AudioBlock {
            let decoder = try MediaDecoder(path: file, target: MediaTarget(sampleRate: rate))
            defer { decoder.close() }
            return try #require(try decoder.read(frameCountMax: 10_000_000))
        }
    }

    private var passThrough: SeparationModel { model([ScalingNetwork { _ in 1 }, ScalingNetwork { _ in 0 }]) }

    private func options(_ change: (inout SeparationOptions) -> Void) -> SeparationOptions {
        var options = SeparationOptions()
        change(&options)
        return options
    }

    @Test(arguments: [8000, 22_050, 44_100, 48_000, 96_000])
    func `stems have the input's rate and length, to the sample`(rate: Int) throws {
        let folder = try Folder()
        let song = try folder.write(testSignal(frames: 60_001), rate: rate)
        let result = try engine(passThrough).separate(file: song, into: folder.path, options: SeparationOptions())
        #expect(result.frameCount == 60_001)
        #expect(result.sampleRate == rate)
        for stem in result.stems {
            let file = try #require(stem.file)
            #expect(file.encoded.frameCount == 60_001)
            #expect(try folder.read(file.path).frameCount == 60_001)
        }
        #expect(folder.names == ["accompaniment.wav", "song.wav", "vocals.wav"])
    }

    @Test(arguments: AudioFormat.allCases)
    func `every format is written in full`(format: AudioFormat) throws {
        let folder = try Folder()
        let song = try folder.write(testSignal(frames: 50_000))
        let result = try engine(passThrough).separate(
            file: song, into: folder.path, options: options { $0.format = format })
        let file = try #require(result.stems.first?.file)
        #expect(file.encoded.format == format)
        #expect(file.path.hasSuffix("/vocals.\(format.fileExtension)"))
        #expect(try folder.read(file.path, rate: 44_100).frameCount == 50_000)
    }

    @Test func `a stem beyond full scale lowers all stems by one gain, and the notes say so`() throws {
        let folder = try Folder()
        var loud = testSignal(frames: 40_000)
        for index in loud.samples.indices { loud.samples[index] *= 8 }
        let song = try folder.write(loud)
        let result = try engine(model([ScalingNetwork { _ in 1 }, ScalingNetwork { _ in 1 }])).separate(
            file: song, into: folder.path, options: SeparationOptions())
        let gains = Set(result.stems.map(\.gain))
        #expect(gains.count == 1 && (gains.first ?? 1) < 1)
        #expect(result.notes.contains { $0.contains("lowered") })
        for stem in result.stems {
            let file = try #require(stem.file)
            #expect(file.encoded.clippedSampleCount == 0)
            let peak = try folder.read(file.path).samples.reduce(0) { max($0, abs($1)) }
            #expect(abs(peak - stem.peak * stem.gain) < 1e-3)
        }
    }

    @Test func `32-bit float keeps what is beyond full scale`() throws {
        let folder = try Folder()
        var loud = testSignal(frames: 40_000)
        for index in loud.samples.indices { loud.samples[index] *= 8 }
        let song = try folder.write(loud)
        let result = try engine(passThrough).separate(
            file: song, into: folder.path, options: options { $0.format = .wav32f })
        let stem = try #require(result.stems.first)
        #expect(stem.gain == 1 && stem.peak > 1)
        #expect(result.notes.contains { $0.contains("kept as it is") })
    }

    @Test func `mono becomes stereo of the same length`() throws {
        let folder = try Folder()
        let mono = AudioBlock(channelCount: 1, frameCount: 30_000, samples: Array(testSignal(frames: 30_000).plane(0)))
        let song = try folder.write(mono)
        let result = try engine(passThrough).separate(
            file: song, into: folder.path, options: options { $0.format = .wav32f })
        let file = try #require(result.stems.first?.file)
        let stem = try folder.read(file.path)
        #expect(stem.channelCount == 2 && stem.frameCount == 30_000)
        #expect(Array(stem.plane(0)) == Array(stem.plane(1)))
    }

    @Test func `a cancelled separation leaves no file`() throws {
        let folder = try Folder()
        let song = try folder.write(testSignal(frames: 100_000))
        let flag = CancellationFlag()
        let network = ScalingNetwork({ _ in 1 }, onRun: { _ in flag.raise() })
        #expect(throws: EngineError.canceled) {
            try engine(model([network])).separate(
                file: song, into: folder.path, options: SeparationOptions(), cancellation: flag)
        }
        #expect(folder.names == ["song.wav"])
    }

    @Test func `what is no audio is refused and leaves no file`() throws {
        let folder = try Folder()
        let path = folder.path + "/song.mp3"
        let file = try #require(fopen(path, "wb"))
        fputs("this is no song, whatever its name says", file)
        fclose(file)
        let error = #expect(throws: EngineError.self) {
            try engine(passThrough).separate(file: path, into: folder.path, options: SeparationOptions())
        }
        #expect(error?.code == .unsupportedMedia)
        #expect(folder.names == ["song.mp3"])
    }

    @Test func `a folder that cannot be written is said`() throws {
        let folder = try Folder()
        let song = try folder.write(testSignal(frames: 1000))
        #expect(throws: EngineError.storage(path: "/proc/no-such-folder", errorNumber: ENOENT)) {
            try engine(passThrough).separate(
                file: song, into: "/proc/no-such-folder", options: SeparationOptions())
        }
    }
}
