/// What the child sends: records of an 8-byte head (kind, payload length; 32 bits each, little-endian) and a
/// payload. A stream is `opening`, then `audio` any number of times, then `trailer`; or ends in `failure`
/// anywhere. A stream that stops without one of the two last was cut by a crash or a kill.
enum MediaRecord: Equatable {
    case opening(MediaOpening)
    /// Planar float32, channel after channel; decoded by the reader itself.
    case audio
    case trailer(DecodeSummary)
    case failure(MediaError)

    enum Kind: UInt32 { case opening = 1, audio, trailer, failure }

    static let headByteCount = 8
    /// The parent believes no larger length.
    static let payloadBytesMax = 4 << 20
    /// Text from the file is cut to this.
    static let textBytesMax = 512
    static let textsMax = 16
}

struct MediaOpening: Equatable {
    var probe: MediaProbe
    var sampleRate: Int
    var channelCount: Int

    /// Whether a worker that does its work could have answered this: what the caller asked for, within the limits.
    func answers(_ target: MediaTarget, limits: MediaLimits) -> Bool {
        sampleRate == target.sampleRate ?? probe.sampleRate
            && channelCount == target.channelCount ?? probe.channelCount
            && probe.channelCount > 0 && probe.channelCount <= limits.channelsMax
            && probe.sampleRate >= limits.sampleRateMin && probe.sampleRate <= limits.sampleRateMax
            && probe.durationSeconds ?? 0 <= limits.durationSecondsMax
    }
}

extension DecodeSummary {
    /// How far the source's frames may be from those delivered where the rate changes within the stream.
    private static let strayShareMax = 0.01

    /// Whether a worker that opened with `opening` and delivered `frameCount` frames could have ended with this.
    func ends(_ opening: MediaOpening, frameCount delivered: Int64) -> Bool {
        guard frameCount == delivered, sampleRate == opening.sampleRate,
            sourceSampleRate == opening.probe.sampleRate
        else { return false }
        let expected = Double(sourceFrameCount) * Double(sampleRate) / Double(sourceSampleRate)
        return abs(expected - Double(delivered)) <= 1 + Self.strayShareMax * Double(delivered)
    }
}

extension MediaRecord {
    /// Head and payload; `audio` is written by `BlockWriter` instead.
    func encoded() -> [UInt8] {
        var payload = RecordWriter()
        let kind: Kind
        switch self {
        case .opening(let opening):
            kind = .opening
            payload.put(opening.sampleRate)
            payload.put(opening.channelCount)
            payload.put(opening.probe)
        case .audio:
            kind = .audio
        case .trailer(let summary):
            kind = .trailer
            payload.put(Int(summary.sourceFrameCount))
            payload.put(summary.sourceSampleRate)
            payload.put(Int(summary.frameCount))
            payload.put(summary.sampleRate)
            payload.put(summary.warningCount)
            payload.put(summary.warnings)
        case .failure(let error):
            kind = .failure
            payload.put(error.kind.rawValue)
            payload.put(error.detail)
            payload.put(error.internalCause ?? "")
        }
        return Self.head(kind, byteCount: payload.bytes.count) + payload.bytes
    }

    static func head(_ kind: Kind, byteCount: Int) -> [UInt8] {
        [kind.rawValue, UInt32(byteCount)].flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) }
        }
    }

    /// nil for an unknown kind or an unbelievable length.
    static func decodeHead(_ bytes: [UInt8]) -> (kind: Kind, byteCount: Int)? {
        guard bytes.count == headByteCount else { return nil }
        func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) } }
        guard let kind = Kind(rawValue: word(0)), word(4) <= payloadBytesMax else { return nil }
        return (kind, Int(word(4)))
    }

    /// nil when the payload is not exactly a record of that kind.
    static func decode(_ kind: Kind, payload: [UInt8]) -> MediaRecord? {
        var reader = RecordReader(payload)
        let record: MediaRecord?
        switch kind {
        case .opening: record = reader.opening().map { .opening($0) }
        case .audio: record = .audio
        case .trailer: record = reader.summary().map { .trailer($0) }
        case .failure: record = reader.failure().map { .failure($0) }
        }
        return kind == .audio || reader.isAtEnd ? record : nil
    }
}

struct RecordWriter {
    static let noDuration = -1.0

    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: Int) {
        let pattern = UInt64(bitPattern: Int64(value))
        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: pattern >> (8 * UInt64(shift)))) }
    }

    mutating func put(_ text: String) {
        let kept = text.utf8.prefix(MediaRecord.textBytesMax)
        put(kept.count)
        bytes.append(contentsOf: kept)
    }

    mutating func put(_ texts: [String]) {
        let kept = texts.prefix(MediaRecord.textsMax)
        put(kept.count)
        for text in kept { put(text) }
    }

    mutating func put(_ probe: MediaProbe) {
        put(probe.container)
        put(probe.codec)
        put(probe.sampleRate)
        put(probe.channelCount)
        put(probe.channelLayout)
        put(Int(bitPattern: UInt((probe.durationSeconds ?? Self.noDuration).bitPattern)))
        put(probe.bitRate ?? -1)
        put(probe.notes)
    }
}

/// Reads what an untrusted child wrote: each step answers nil rather than read past the end.
struct RecordReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func number() -> Int? {
        guard bytes.count - position >= 8 else { return nil }
        var pattern: UInt64 = 0
        for index in 0..<8 { pattern |= UInt64(bytes[position + index]) << (8 * UInt64(index)) }
        position += 8
        return Int(Int64(bitPattern: pattern))
    }

    private mutating func count(upTo limit: Int) -> Int? {
        guard let value = number(), (0...limit).contains(value) else { return nil }
        return value
    }

    mutating func text() -> String? {
        guard let count = count(upTo: MediaRecord.textBytesMax), bytes.count - position >= count else { return nil }
        defer { position += count }
        return String(decoding: bytes[position..<position + count], as: UTF8.self)
    }

    mutating func texts() -> [String]? {
        guard let count = count(upTo: MediaRecord.textsMax) else { return nil }
        var texts: [String] = []
        for _ in 0..<count {
            guard let text = text() else { return nil }
            texts.append(text)
        }
        return texts
    }

    mutating func opening() -> MediaOpening? {
        guard let rate = count(upTo: 1 << 24), rate > 0, let channels = count(upTo: 64), channels > 0,
            let container = text(), let codec = text(), let sourceRate = count(upTo: 1 << 24), sourceRate > 0,
            let sourceChannels = count(upTo: 1024), let layout = text(), let duration = number(),
            let bitRate = number(), let notes = texts()
        else { return nil }
        let seconds = Double(bitPattern: UInt64(bitPattern: Int64(duration)))
        guard seconds == RecordWriter.noDuration || seconds >= 0 && seconds.isFinite else { return nil }
        let probe = MediaProbe(
            container: container, codec: codec, sampleRate: sourceRate, channelCount: sourceChannels,
            channelLayout: layout, durationSeconds: seconds >= 0 ? seconds : nil,
            bitRate: bitRate >= 0 ? bitRate : nil, notes: notes)
        return MediaOpening(probe: probe, sampleRate: rate, channelCount: channels)
    }

    mutating func summary() -> DecodeSummary? {
        guard let sourceFrames = number(), sourceFrames >= 0, let sourceRate = number(), sourceRate > 0,
            let frames = number(), frames >= 0, let rate = number(), rate > 0, let warningCount = number(),
            warningCount >= 0, let warnings = texts()
        else { return nil }
        return DecodeSummary(
            sourceFrameCount: Int64(sourceFrames), sourceSampleRate: sourceRate, frameCount: Int64(frames),
            sampleRate: rate, warningCount: warningCount, warnings: warnings)
    }

    mutating func failure() -> MediaError? {
        guard let kind = text().flatMap({ MediaError.Kind(rawValue: $0) }), kind.isWorkers, let detail = text(),
            let cause = text()
        else { return nil }
        return MediaError(kind, detail, cause: cause.isEmpty ? nil : cause)
    }
}

extension MediaError.Kind {
    /// Whether the worker may say it; the rest is the parent's own to find.
    fileprivate var isWorkers: Bool {
        switch self {
        case .emptyFile, .fileTooLarge, .deadlineExceeded, .storageFull, .canceled: false
        case .unsupportedMedia, .mediaUnreadable, .mediaTruncated, .noAudioStream, .mediaTooLong, .tooManyChannels,
            .sampleRateOutOfRange, .invalidOption, .internalError:
            true
        }
    }
}
