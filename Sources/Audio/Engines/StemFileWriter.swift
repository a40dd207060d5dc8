internal import Glibc
internal import Kernels
internal import Media

/// Writes one stem to a file, at the input's own rate and exactly as long.
///
/// Formats with a full scale go through a spool on disk until every stem's peak is known, then one common gain keeps
/// all of them below it; 32-bit float is written straight away, unchanged. The file carries its name only when it is
/// complete.
final class StemFileWriter: StemSink, @unchecked Sendable {
    // SAFETY: one thread at a time, by the order of the engine's steps and the team's rounds.

    /// Peaks above this get the gain that brings them down to it: what is left is room for the encoder's dither.
    static let peakMax: Float = 0.9999

    let stem: String
    private let path: String
    private let partialPath: String
    private let format: AudioFormat
    private let sampleRate: Int
    private let resampler: Resampler?
    private let spool: StemSpool?
    private let encoder: AudioEncoder
    private(set) var peak: Float = 0
    private(set) var frameCount: Int64 = 0
    private var isComplete = false

    /// - Parameter sampleRate: the input's own.
    init(stem: String, directory: String, format: AudioFormat, sampleRate: Int) throws(EngineError) {
        self.stem = stem
        self.format = format
        self.sampleRate = sampleRate
        path = "\(directory)/\(stem).\(format.fileExtension)"
        partialPath = "\(directory)/.\(stem).\(format.fileExtension).partial"
        let channels = SeparationEngine.channelCount
        resampler =
            sampleRate == SeparationEngine.sampleRate
            ? nil
            : try asEngineError { () throws(MediaError) in
                try Resampler(
                    inputRate: SeparationEngine.sampleRate, outputRate: sampleRate, channelCount: channels)
            }
        spool = format == .wav32f ? nil : try StemSpool(directory: directory, channelCount: channels)
        let target = partialPath
        encoder = try asEngineError { () throws(MediaError) in
            try AudioEncoder(path: target, format: format, sampleRate: sampleRate, channelCount: channels)
        }
    }

    deinit { if !isComplete { unlink(partialPath) } }

    func write(_ planes: [UnsafeBufferPointer<Float>]) throws(EngineError) {
        guard let resampler else { return try accept(planes) }
        let count = planes[0].count
        var samples: [Float] = []
        samples.reserveCapacity(count * planes.count)
        for plane in planes { samples.append(contentsOf: plane) }
        let block = AudioBlock(channelCount: planes.count, frameCount: count, samples: samples)
        let converted = try asEngineError { () throws(MediaError) in try resampler.process(block) }
        try converted.withPlanes { (planes) throws(EngineError) in try accept(planes) }
    }

    /// Ends the writing: exactly `frameCount` frames at the input's own rate.
    func end(frameCount expected: Int64) throws(EngineError) {
        if let resampler {
            let rest = try asEngineError { () throws(MediaError) in
                try resampler.finish(outputFrameCount: expected)
            }
            try rest.withPlanes { (planes) throws(EngineError) in try accept(planes) }
        }
        guard frameCount == expected else {
            throw .wrongLength(stem: stem, expected: expected, written: frameCount)
        }
        try spool?.rewind()
    }

    /// Encodes the next block of what was spooled; false when nothing is left.
    func encodeBlock(gain: Float) throws(EngineError) -> Bool {
        guard var block = try spool?.next() else { return false }
        if gain != 1 {
            block.samples.withUnsafeMutableBufferPointer { Gain.apply(gain, to: $0) }
        }
        try encode(block)
        return true
    }

    /// Completes the file and gives it its name.
    func finish() throws(EngineError) -> StemFile {
        let encoded = try asEngineError { () throws(MediaError) in try encoder.finish() }
        let expected = Int64(
            (Double(frameCount) * Double(encoded.sampleRate) / Double(sampleRate)).rounded())
        guard encoded.frameCount == expected else {
            throw .wrongLength(stem: stem, expected: expected, written: encoded.frameCount)
        }
        guard rename(partialPath, path) == 0 else { throw .storage(path: path, errorNumber: errno) }
        isComplete = true
        return StemFile(path: path, encoded: encoded)
    }

    private func accept(_ planes: [UnsafeBufferPointer<Float>]) throws(EngineError) {
        for plane in planes { peak = max(peak, Gain.peak(plane)) }
        frameCount += Int64(planes[0].count)
        if let spool { return try spool.append(planes) }
        let encoder = encoder
        try asEngineError { () throws(MediaError) in
            try encoder.write(planes, frameCount: planes[0].count)
        }
    }

    private func encode(_ block: AudioBlock) throws(EngineError) {
        let encoder = encoder
        try asEngineError { () throws(MediaError) in try encoder.write(block) }
    }
}
