import Core
import Glibc
import Media
import Testing

/// A folder that goes with the test.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/cadenza-media-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        path = String(cString: made)
    }

    deinit {
        for name in names() { unlink(path + "/" + name) }
        rmdir(path)
    }

    private func names() -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                names.append(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
            }
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        let stream = try #require(fopen(file(name), "w"))
        defer { fclose(stream) }
        try #require(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
        return file(name)
    }

    static func read(_ path: String) throws -> [UInt8] {
        let stream = try #require(fopen(path, "r"))
        defer { fclose(stream) }
        fseek(stream, 0, SEEK_END)
        var bytes = [UInt8](repeating: 0, count: ftell(stream))
        rewind(stream)
        try #require(fread(&bytes, 1, bytes.count, stream) == bytes.count)
        return bytes
    }
}

/// Seeded noise (SplitMix64), the same on every machine.
struct Noise: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// A sine per channel: 440 Hz on the first, 660 on the second, and so on.
func tone(
    seconds: Double, sampleRate: Int = 44_100, channelCount: Int = 2, amplitude: Double = 0.5
) -> AudioBlock {
    let count = Int((seconds * Double(sampleRate)).rounded())
    var block = AudioBlock(channelCount: channelCount, frameCount: count)
    for channel in 0..<channelCount {
        let step = 2 * Double.pi * (440 + 220 * Double(channel)) / Double(sampleRate)
        for frame in 0..<count { block.samples[channel * count + frame] = Float(amplitude * sin(step * Double(frame))) }
    }
    return block
}

func encode(
    _ block: AudioBlock, _ format: AudioFormat, sampleRate: Int = 44_100, to path: String,
    options: AudioEncoder.Options = AudioEncoder.Options()
) throws -> EncodedAudio {
    let encoder = try AudioEncoder(
        path: path, format: format, sampleRate: sampleRate, channelCount: block.channelCount, options: options)
    try encoder.write(block)
    return try encoder.finish()
}

/// A little-endian RIFF/WAVE file of 16-bit silence, its header saying what the test wants it to say.
func waveFile(
    channelCount: Int = 2, sampleRate: Int = 44_100, dataBytes: Int, claimedBytes: UInt32? = nil
) -> [UInt8] {
    let claimed = claimedBytes ?? UInt32(dataBytes)
    func word(_ value: Int, _ bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var file = Array("RIFF".utf8) + word(Int(claimed == .max ? claimed : claimed &+ 36), 4) + Array("WAVEfmt ".utf8)
    file += word(16, 4) + word(1, 2) + word(channelCount, 2) + word(sampleRate, 4)
    file += word(sampleRate * channelCount * 2, 4) + word(channelCount * 2, 2) + word(16, 2)
    file += Array("data".utf8) + word(Int(claimed), 4)
    return file + [UInt8](repeating: 0, count: dataBytes)
}

/// The whole file, decoded.
func decode(
    _ path: String, target: MediaTarget = MediaTarget(), limits: MediaLimits = MediaLimits()
) throws(MediaError) -> (audio: AudioBlock, summary: DecodeSummary) {
    let decoder = try MediaDecoder(path: path, target: target, limits: limits, deadlineSeconds: 60)
    let channelCount = try decoder.outputForm().channelCount
    var planes = [[Float]](repeating: [], count: channelCount)
    while let block = try decoder.read(frameCountMax: 50_000) {
        for channel in 0..<channelCount { planes[channel] += block.plane(channel) }
    }
    let summary = try decoder.finish()
    return (
        AudioBlock(channelCount: channelCount, frameCount: planes[0].count, samples: planes.flatMap { $0 }), summary
    )
}

/// Runs `body`, which must fail with this kind.
func expectRefusal(
    _ kind: MediaError.Kind, _ body: () throws -> Void, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    do {
        try body()
        Issue.record("accepted instead of \(kind)", sourceLocation: sourceLocation)
    } catch let error as MediaError {
        #expect(error.kind == kind, comment, sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

/// 10·log10(Σ s² / Σ (s − ŝ)²) over the frames both have, in decibels.
func signalToNoise(_ signal: AudioBlock, _ other: AudioBlock, skip: Int = 0) -> Double {
    var (power, error) = (0.0, 1e-30)
    for channel in 0..<signal.channelCount {
        for (own, its) in zip(
            signal.plane(channel).dropFirst(skip).dropLast(skip), other.plane(channel).dropFirst(skip))
        {
            power += Double(own) * Double(own)
            error += Double(own - its) * Double(own - its)
        }
    }
    return 10 * log10(power / error)
}
