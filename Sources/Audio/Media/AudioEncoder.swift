/// Encodes trusted planar float audio to a file, streaming; one thread at a time.
public final class AudioEncoder {
    public struct Options: Sendable, Equatable {
        /// Bits a second; nil: mp3 320 000, m4a 256 000, ogg quality 6, opus 192 000 (for stereo).
        public var bitRate: Int?
        /// Triangular dither of ±1 step before rounding, in wav16 and wav24.
        public var dither: Bool = true
        public var ditherSeed: UInt64 = 0x5EED

        public init() {}
    }

    /// Creates or truncates the file at `path`.
    ///
    /// A rate that the format lacks is resampled to one it has: opus always to 48 kHz.
    public init(
        path: String, format: AudioFormat, sampleRate: Int, channelCount: Int, options: Options = Options()
    ) throws(MediaError) {
        throw MediaError(.internalError, "not built yet")
    }

    /// Appends `frameCount` frames, one plane per channel. Non-finite samples are refused.
    public func write(_ planes: [UnsafeBufferPointer<Float>], frameCount: Int) throws(MediaError) {
        throw MediaError(.internalError, "not built yet")
    }

    /// Appends a block.
    public func write(_ block: AudioBlock) throws(MediaError) {
        try block.withPlanes { (planes) throws(MediaError) in try write(planes, frameCount: block.frameCount) }
    }

    /// Completes and closes the file; `fsync` is the caller's.
    public func finish() throws(MediaError) -> EncodedAudio {
        throw MediaError(.internalError, "not built yet")
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
    /// Samples beyond full scale that were limited to it; always 0 for wav32f.
    public var clippedSampleCount: Int64

    public var mediaType: String { format.mediaType }
    public var fileExtension: String { format.fileExtension }
}
