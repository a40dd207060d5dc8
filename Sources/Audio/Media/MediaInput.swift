internal import CLibAV
internal import Core
internal import Glibc

/// The child's view of the file: container, the best audio stream, its opened decoder.
final class MediaInput {
    // SAFETY: libav's structures, owned from `init` to `deinit`; one thread in the child uses them.
    let format: UnsafeMutablePointer<AVFormatContext>
    let stream: UnsafeMutablePointer<AVStream>
    let codec: UnsafeMutablePointer<AVCodecContext>
    let probe: MediaProbe
    /// Whether `probe.durationSeconds` is the header's word, not an estimate.
    let isDurationPromised: Bool

    /// Where an MPEG-4 track's edit ends, in frames: libavformat takes the encoder's delay off the front, but
    /// leaves its padding on the last packet. nil for other containers and for fragmented files, whose header
    /// does not know the end.
    var trackFrameCount: Int64? {
        let base = stream.pointee.time_base
        guard probe.container == "mov", stream.pointee.nb_frames > 0, stream.pointee.duration > 0, base.num == 1,
            base.den > 0, Int(base.den) % probe.sampleRate == 0 || probe.sampleRate % Int(base.den) == 0
        else { return nil }
        return av_rescale_q(stream.pointee.duration, base, AVRational(num: 1, den: Int32(probe.sampleRate)))
    }

    /// libavformat's names of the demuxers that are let at the file.
    static let demuxers = ["mp3", "mov", "ogg", "flac", "wav", "w64", "aiff", "matroska", "aac", "caf", "au"]
    static let decoders = [
        "mp3float", "mp3", "mp2float", "mp2", "aac", "alac", "vorbis", "opus", "libopus", "flac", "pcm_u8", "pcm_s8",
        "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be",
        "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav",
    ]
    /// How far a container is recognised: past a large picture in front of an mp3.
    private static let probeBytesMax: UInt32 = 32 << 20

    init(descriptor: Int32, request: MediaWorkerRequest) throws(MediaError) {
        let window = FileWindow(descriptor: descriptor, byteCount: request.byteCount)
        guard let bytes = window.context(), let context = avformat_alloc_context() else { throw Self.noMemory }
        let demuxer = try Self.recognise(bytes)
        let extent = ContainerExtent(window: window, byteCount: request.byteCount)
        format = try Self.open(context, bytes, demuxer, extent)
        (stream, codec) = try Self.openBestStream(of: format)
        (probe, isDurationPromised) = Self.describe(format, stream, codec, limits: request.limits)
        try check(limits: request.limits, extent: extent)
    }

    /// The record that opens the stream: the probe, with what `target` changes in its notes.
    func opening(target: MediaTarget) -> MediaOpening {
        var probe = probe
        let channels = target.channelCount ?? probe.channelCount
        if channels < probe.channelCount {
            let mix = channels == 1 ? "mono" : channels == 2 ? "stereo" : "\(channels) channels"
            let rule = " (ITU-R BS.775: centre and surrounds at -3 dB, no LFE)"
            probe.notes.append(
                "\(probe.channelLayout) mixed down to \(mix)" + (probe.channelCount > 2 ? rule : ""))
        } else if probe.channelCount == 1, channels > 1 {
            probe.notes.append("mono copied to both channels")
        }
        return MediaOpening(
            probe: probe, sampleRate: target.sampleRate ?? probe.sampleRate, channelCount: channels)
    }

    /// Holds the length that a scan found against the header's promise, and against the limit; it is the length.
    func take(seconds: Double, limits: MediaLimits, into probe: inout MediaProbe) throws(MediaError) {
        var seconds = seconds
        if isDurationPromised, let promised = probe.durationSeconds {
            try PromisedDuration.check(promised: promised, found: seconds)
            // PCM is counted to the frame, and the Xing header counts the encoder's padding in; elsewhere packets
            // are the coarser measure, unless they tell of audio that the header conceals.
            let isExact = probe.isPCM || probe.container == "mp3"
            if !isExact, !PromisedDuration.isExceeded(promised: promised, found: seconds) { seconds = promised }
        }
        probe.durationSeconds = seconds
        probe.notes.removeAll { $0 == Self.estimateNote }
        guard seconds <= limits.durationSecondsMax else {
            throw Self.tooLong(limits: limits, at: "The audio is \(Self.text(seconds)) s long")
        }
    }

    private static let estimateNote = "the duration is estimated from the bit rate"

    private static var noMemory: MediaError {
        MediaError(.mediaUnreadable, "The file needs too much memory to decode")
    }

    private static func recognise(
        _ bytes: UnsafeMutablePointer<AVIOContext>
    ) throws(MediaError) -> UnsafePointer<AVInputFormat> {
        var found: UnsafePointer<AVInputFormat>?
        let score = av_probe_input_buffer2(bytes, &found, nil, nil, 0, probeBytesMax)
        if score == cadenza_averror(ENOMEM) { throw noMemory }
        guard score >= 0, let found else {
            throw MediaError(.unsupportedMedia, "The file is in no known audio format", cause: words(score))
        }
        let names = String(cString: found.pointee.name).split(separator: ",").map(String.init)
        guard names.contains(where: demuxers.contains) else {
            throw MediaError(.unsupportedMedia, "The file is in an unsupported format (\(names.first ?? "unknown"))")
        }
        return found
    }

    private static func open(
        _ context: UnsafeMutablePointer<AVFormatContext>, _ bytes: UnsafeMutablePointer<AVIOContext>,
        _ demuxer: UnsafePointer<AVInputFormat>, _ extent: ContainerExtent
    ) throws(MediaError) -> UnsafeMutablePointer<AVFormatContext> {
        context.pointee.pb = bytes
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        // A second lock beside `recognise`: what a container holds inside is chosen from these too.
        av_dict_set(&options, "format_whitelist", String(cString: demuxer.pointee.name), 0)
        av_dict_set(&options, "codec_whitelist", decoders.joined(separator: ","), 0)
        var opened: UnsafeMutablePointer<AVFormatContext>? = context
        var status = avformat_open_input(&opened, nil, demuxer, &options)
        if status >= 0 { status = avformat_find_stream_info(opened, nil) }
        guard status >= 0, let opened else {
            if extent.isCut(durationSeconds: nil) { throw extent.truncation }
            if status == cadenza_averror(ENOMEM) { throw noMemory }
            throw MediaError(
                .mediaUnreadable, "The file's \(String(cString: demuxer.pointee.name)) structure is damaged",
                cause: words(status))
        }
        return opened
    }

    private static func openBestStream(
        of format: UnsafeMutablePointer<AVFormatContext>
    ) throws(MediaError) -> (UnsafeMutablePointer<AVStream>, UnsafeMutablePointer<AVCodecContext>) {
        let index = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, -1, nil, 0)
        guard index >= 0, let stream = format.pointee.streams[Int(index)],
            let parameters = stream.pointee.codecpar
        else { throw MediaError(.noAudioStream, "The file has no audio stream") }
        let codecName = String(cString: avcodec_get_name(parameters.pointee.codec_id))
        guard let decoder = avcodec_find_decoder(parameters.pointee.codec_id),
            decoders.contains(String(cString: decoder.pointee.name))
        else { throw MediaError(.unsupportedMedia, "The file's audio codec (\(codecName)) is not supported") }
        for other in 0..<Int(format.pointee.nb_streams) where other != Int(index) {
            format.pointee.streams[other]?.pointee.discard = AVDISCARD_ALL
        }
        guard let codec = avcodec_alloc_context3(decoder) else { throw noMemory }
        var status = avcodec_parameters_to_context(codec, parameters)
        codec.pointee.pkt_timebase = stream.pointee.time_base
        codec.pointee.thread_count = 1
        if status >= 0 { status = avcodec_open2(codec, decoder, nil) }
        guard status >= 0 else {
            throw MediaError(.mediaUnreadable, "The file's \(codecName) stream is damaged", cause: words(status))
        }
        return (stream, codec)
    }

    private static func describe(
        _ format: UnsafeMutablePointer<AVFormatContext>, _ stream: UnsafeMutablePointer<AVStream>,
        _ codec: UnsafeMutablePointer<AVCodecContext>, limits: MediaLimits
    ) -> (MediaProbe, Bool) {
        let none = cadenza_no_pts()
        var seconds: Double?
        if stream.pointee.duration != none {
            seconds = Double(stream.pointee.duration) * av_q2d(stream.pointee.time_base)
        } else if format.pointee.duration != none {
            seconds = Double(format.pointee.duration) / 1e6
        }
        if codec.pointee.codec_id == AV_CODEC_ID_OPUS, let parameters = stream.pointee.codecpar {
            // libavformat counts the pre-skip in, which no decoder gives out (RFC 7845 §4.2); at 48 kHz always.
            seconds = seconds.map { $0 - Double(parameters.pointee.initial_padding) / 48_000 }
        }
        if let value = seconds, !(value > 0) { seconds = nil }
        let estimated = format.pointee.duration_estimation_method == AVFMT_DURATION_FROM_BITRATE
        let isOwn = stream.pointee.duration != none || format.pointee.nb_streams == 1
        let isPromised = seconds != nil && !estimated && isOwn
        // A mere estimate refuses nothing: the packets and the decoded frames are held against the limit.
        if !isPromised, let value = seconds, value > limits.durationSecondsMax { seconds = nil }
        var speakers = codec.pointee.ch_layout
        if speakers.order == AV_CHANNEL_ORDER_UNSPEC { av_channel_layout_default(&speakers, speakers.nb_channels) }
        var layout = [CChar](repeating: 0, count: 64)
        av_channel_layout_describe(&speakers, &layout, layout.count)
        let demuxer = format.pointee.iformat.map { String(cString: $0.pointee.name) } ?? ""
        let rate = codec.pointee.bit_rate > 0 ? codec.pointee.bit_rate : format.pointee.bit_rate
        let probe = MediaProbe(
            container: demuxer.split(separator: ",").first.map(String.init) ?? demuxer,
            codec: String(cString: avcodec_get_name(codec.pointee.codec_id)),
            sampleRate: Int(codec.pointee.sample_rate), channelCount: Int(codec.pointee.ch_layout.nb_channels),
            channelLayout: text(layout),
            durationSeconds: seconds, bitRate: rate > 0 ? Int(rate) : nil,
            notes: estimated && seconds != nil ? [estimateNote] : [])
        return (probe, isPromised)
    }

    private func check(limits: MediaLimits, extent: ContainerExtent) throws(MediaError) {
        try Self.check(channelCount: probe.channelCount, sampleRate: probe.sampleRate, limits: limits)
        if extent.isCut(durationSeconds: isDurationPromised ? probe.durationSeconds : nil) { throw extent.truncation }
        if let seconds = probe.durationSeconds, seconds > limits.durationSecondsMax {
            throw Self.tooLong(limits: limits, at: "The audio is \(Self.text(seconds)) s long")
        }
    }

    static func check(channelCount: Int, sampleRate: Int, limits: MediaLimits) throws(MediaError) {
        guard channelCount > 0 else { throw MediaError(.mediaUnreadable, "The audio stream has no channels") }
        guard channelCount <= limits.channelsMax else {
            throw MediaError(
                .tooManyChannels, "The audio has \(channelCount) channels; at most \(limits.channelsMax) are accepted")
        }
        guard (limits.sampleRateMin...limits.sampleRateMax).contains(sampleRate) else {
            throw MediaError(
                .sampleRateOutOfRange,
                "The sample rate is \(sampleRate) Hz; \(limits.sampleRateMin) to \(limits.sampleRateMax) are accepted")
        }
    }

    static func tooLong(limits: MediaLimits, at what: String) -> MediaError {
        MediaError(.mediaTooLong, "\(what); at most \(text(limits.durationSecondsMax)) s are accepted")
    }

    /// Seconds to a tenth.
    static func text(_ seconds: Double) -> String {
        let tenths = Int64((min(seconds, 1e12) * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    /// libav's own words for one of its errors.
    static func words(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        av_strerror(code, &buffer, buffer.count)
        return text(buffer)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
