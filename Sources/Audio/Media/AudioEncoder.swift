/// Encodes trusted planar float audio to a file, streaming; one thread at a time.
///
/// Without `finish` the file stays incomplete: removing it is the caller's, as is `fsync`.
public final class AudioEncoder {
    public struct Options: Sendable, Equatable {
        /// Bits a second; nil: mp3 320 000, m4a 128 000 and opus 96 000 a channel, ogg quality 6.
        public var bitRate: Int?
        /// Triangular dither of ±1 step before rounding, in wav16 and wav24.
        public var dither: Bool = true
        public var ditherSeed: UInt64 = 0x5EED

        public init() {}
    }

    private let format: AudioFormat
    private let sampleRate: Int
    private let channelCount: Int
    private var wave: WaveWriter?
    private var coded: LibAVWriter?
    private var resampler: Resampler?
    private var framesOut: Int64 = 0

    /// Creates or truncates the file at `path`.
    ///
    /// A rate that the format lacks is resampled to one it has: opus always to 48 kHz.
    public init(
        path: String, format: AudioFormat, sampleRate: Int, channelCount: Int, options: Options = Options()
    ) throws(MediaError) {
        guard (1...8).contains(channelCount), (1000...768_000).contains(sampleRate) else {
            throw MediaError(
                .invalidOption, "\(channelCount) channels at \(sampleRate) Hz cannot be written")
        }
        self.format = format
        self.channelCount = channelCount
        self.sampleRate = LibAVWriter.sampleRate(format, for: sampleRate)
        if self.sampleRate != sampleRate {
            resampler = try Resampler(
                inputRate: sampleRate, outputRate: self.sampleRate, channelCount: channelCount)
        }
        switch format {
        case .wav16, .wav24, .wav32f:
            wave = try WaveWriter(
                path: path, format: format, sampleRate: sampleRate, channelCount: channelCount, options: options)
        case .flac, .mp3, .ogg, .opus, .m4a:
            coded = try LibAVWriter(
                path: path, format: format, sampleRate: self.sampleRate, channelCount: channelCount,
                options: options)
        }
    }

    /// Appends `frameCount` frames, one plane per channel; `internalError` if a sample is not finite.
    public func write(_ planes: [UnsafeBufferPointer<Float>], frameCount: Int) throws(MediaError) {
        precondition(planes.count == channelCount && planes.allSatisfy { $0.count >= frameCount })
        for plane in planes where !Self.isFinite(plane.prefix(frameCount)) {
            throw MediaError(.internalError, "The audio to encode holds samples that are not numbers")
        }
        if let resampler {
            try put(try resampler.process(planes, frameCount: frameCount))
        } else {
            try put(planes, frameCount: frameCount)
        }
    }

    /// Appends a block.
    public func write(_ block: AudioBlock) throws(MediaError) {
        try block.withPlanes { (planes) throws(MediaError) in try write(planes, frameCount: block.frameCount) }
    }

    /// Completes and closes the file.
    public func finish() throws(MediaError) -> EncodedAudio {
        if let resampler { try put(try resampler.finish()) }
        let bytes: Int64
        let clipped: Int64
        if let coded {
            bytes = try coded.finish()
            clipped = coded.clippedSampleCount
            self.coded = nil
        } else if wave != nil {
            bytes = try wave?.finish() ?? 0
            clipped = format == .wav32f ? 0 : wave?.clippedSampleCount ?? 0
            wave = nil
        } else {
            throw MediaError(.internalError, "The encoder has already finished")
        }
        return EncodedAudio(
            format: format, frameCount: framesOut, sampleRate: sampleRate, channelCount: channelCount, bytes: bytes,
            clippedSampleCount: clipped)
    }

    private static func isFinite(_ samples: Slice<UnsafeBufferPointer<Float>>) -> Bool {
        // 0 × NaN and 0 × ∞ are NaN: one sum without a branch.
        samples.reduce(0) { $0 + $1 * 0 } == 0
    }

    private func put(_ block: AudioBlock) throws(MediaError) {
        try block.withPlanes { (planes) throws(MediaError) in try put(planes, frameCount: block.frameCount) }
    }

    private func put(_ planes: [UnsafeBufferPointer<Float>], frameCount: Int) throws(MediaError) {
        framesOut += Int64(frameCount)
        if let coded {
            try coded.write(planes, frameCount: frameCount)
        } else {
            try wave?.write(planes, frameCount: frameCount)
        }
    }
}

/// What was written.
public struct EncodedAudio: Sendable, Equatable {
    public var format: AudioFormat
    /// Frames written at `sampleRate`: what a decoder that honours the gapless fields gives back.
    public var frameCount: Int64
    /// The file's rate; differs from the input's where the format lacks that.
    public var sampleRate: Int
    public var channelCount: Int
    /// The file's size.
    public var bytes: Int64
    /// Samples beyond full scale: limited to it in the PCM formats and flac (lossy codecs keep them, players
    /// clip them); always 0 for wav32f.
    public var clippedSampleCount: Int64

    public var mediaType: String { format.mediaType }
    public var fileExtension: String { format.fileExtension }
}
