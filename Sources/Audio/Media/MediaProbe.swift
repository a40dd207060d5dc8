/// What a file says it is.
public struct MediaProbe: Sendable, Equatable {
    /// libavformat's short name of the container: `mp3`, `wav`, `mov`, `ogg`, `flac`, `aiff`, `matroska` …
    public var container: String
    /// libavcodec's name of the codec: `mp3`, `aac`, `vorbis`, `opus`, `flac`, `pcm_s16le` …
    public var codec: String
    /// In hertz.
    public var sampleRate: Int
    public var channelCount: Int
    /// `mono`, `stereo`, `5.1` …
    public var channelLayout: String
    /// From `MediaInspector`, as found in the file, or as its header says where the two agree; from a decoder, as
    /// the header says or as estimated from the bit rate. nil when the file does not tell.
    public var durationSeconds: Double?
    /// In bits a second; nil when unknown.
    public var bitRate: Int?
    /// What a person should know about how the file is read: a down-mix, an estimated duration.
    public var notes: [String]

    public init(
        container: String, codec: String, sampleRate: Int, channelCount: Int, channelLayout: String,
        durationSeconds: Double?, bitRate: Int?, notes: [String]
    ) {
        self.container = container
        self.codec = codec
        self.sampleRate = sampleRate
        self.channelCount = channelCount
        self.channelLayout = channelLayout
        self.durationSeconds = durationSeconds
        self.bitRate = bitRate
        self.notes = notes
    }

    var isPCM: Bool { codec.hasPrefix("pcm_") }
}

/// What a whole decoding gave.
public struct DecodeSummary: Sendable, Equatable {
    /// Frames (per channel) at the source's own rate, encoder delay and padding taken off.
    public var sourceFrameCount: Int64
    public var sourceSampleRate: Int
    /// Frames delivered at the target rate: the source's frames × target rate / source rate, rounded.
    public var frameCount: Int64
    public var sampleRate: Int
    /// How many times something damaged was skipped.
    public var warningCount: Int
    /// The first few of them, in words.
    public var warnings: [String]

    /// The decoded length.
    public var durationSeconds: Double { Double(sourceFrameCount) / Double(sourceSampleRate) }
}
