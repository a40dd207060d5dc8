/// The formats that results are written in.
///
/// The names (`rawValue`) are the ones of the API's `format` option, the command line and the artefacts.
public enum AudioFormat: String, CaseIterable, Sendable {
    /// RIFF/WAVE, 16-bit PCM.
    case wav16
    /// RIFF/WAVE, 24-bit PCM.
    case wav24
    /// RIFF/WAVE, 32-bit IEEE float: the only one that keeps samples above full scale.
    case wav32f
    /// FLAC, 24-bit.
    case flac
    /// MPEG-1 layer III.
    case mp3
    /// Vorbis in Ogg.
    case ogg
    /// Opus in Ogg, always at 48 kHz.
    case opus
    /// AAC-LC in MPEG-4.
    case m4a

    /// Finds a format by its name; `wav` is an alias of `wav16`, what a player anywhere opens.
    public init?(name: String) {
        guard let format = name == "wav" ? .wav16 : AudioFormat(rawValue: name) else { return nil }
        self = format
    }

    /// The media type of a file in this format.
    public var mediaType: String {
        switch self {
        case .wav16, .wav24, .wav32f: "audio/wav"
        case .flac: "audio/flac"
        case .mp3: "audio/mpeg"
        case .ogg, .opus: "audio/ogg"
        case .m4a: "audio/mp4"
        }
    }

    /// The file name's extension, without the dot.
    public var fileExtension: String {
        switch self {
        case .wav16, .wav24, .wav32f: "wav"
        default: rawValue
        }
    }

    /// Whether decoding gives the written samples back, up to the format's word length.
    public var isLossless: Bool {
        switch self {
        case .wav16, .wav24, .wav32f, .flac: true
        case .mp3, .ogg, .opus, .m4a: false
        }
    }
}
