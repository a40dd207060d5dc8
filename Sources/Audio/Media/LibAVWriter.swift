internal import CLibAV
internal import Glibc

/// Encodes through libavcodec into a file that libavformat lays out.
final class LibAVWriter {
    let sampleRate: Int
    private(set) var frameCount: Int64 = 0
    private(set) var clippedSampleCount: Int64 = 0
    private let channelCount: Int
    private var container: UnsafeMutablePointer<AVFormatContext>?
    private var codec: UnsafeMutablePointer<AVCodecContext>?
    private var frame: UnsafeMutablePointer<AVFrame>?
    private var packet: UnsafeMutablePointer<AVPacket>?
    private var quantiser: Quantiser
    /// Frames waiting in `frame` for a full one.
    private var filled = 0
    private let frameSize: Int

    /// For codecs that take any length.
    private static let freeFrameSize = 4096

    private struct Choice {
        let muxer: String
        let encoder: String
        let sampleFormat: AVSampleFormat
        let channelsMax: Int
        let bitRate: Int?
    }

    private static func choice(_ format: AudioFormat, channelCount: Int) -> Choice {
        switch format {
        case .mp3:
            Choice(
                muxer: "mp3", encoder: "libmp3lame", sampleFormat: AV_SAMPLE_FMT_FLTP, channelsMax: 2, bitRate: 320_000)
        case .ogg:
            Choice(muxer: "ogg", encoder: "libvorbis", sampleFormat: AV_SAMPLE_FMT_FLTP, channelsMax: 8, bitRate: nil)
        case .opus:
            Choice(
                muxer: "opus", encoder: "libopus", sampleFormat: AV_SAMPLE_FMT_FLT, channelsMax: 8,
                bitRate: 96_000 * channelCount)
        case .m4a:
            Choice(
                muxer: "ipod", encoder: "aac", sampleFormat: AV_SAMPLE_FMT_FLTP, channelsMax: 6,
                bitRate: 128_000 * channelCount)
        case .flac, .wav16, .wav24, .wav32f:
            Choice(muxer: "flac", encoder: "flac", sampleFormat: AV_SAMPLE_FMT_S32, channelsMax: 8, bitRate: nil)
        }
    }

    /// The rate that `format` is written at for audio of `rate`: the same where it has that.
    static func sampleRate(_ format: AudioFormat, for rate: Int) -> Int {
        let rates: [Int]
        switch format {
        case .opus: rates = [48_000]
        case .mp3: rates = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
        case .m4a:
            rates = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000]
        case .ogg: rates = rate <= 192_000 ? [rate] : [192_000]
        case .flac, .wav16, .wav24, .wav32f: rates = [rate]
        }
        if rates.contains(rate) { return rate }
        // A whole fraction loses least; else the next above, else the highest.
        return rates.last { rate % $0 == 0 && $0 >= 44_100 } ?? rates.first { $0 > rate } ?? rates[rates.count - 1]
    }

    init(
        path: String, format: AudioFormat, sampleRate: Int, channelCount: Int, options: AudioEncoder.Options
    ) throws(MediaError) {
        // Its errors come back as values; its chatter belongs on nobody's terminal.
        av_log_set_level(AV_LOG_QUIET)
        let choice = Self.choice(format, channelCount: channelCount)
        guard channelCount <= choice.channelsMax else {
            throw MediaError(
                .invalidOption,
                "\(format.rawValue) holds at most \(choice.channelsMax) channels, not \(channelCount)")
        }
        self.sampleRate = sampleRate
        self.channelCount = channelCount
        quantiser = Quantiser(bits: 24, dithers: false, seed: 1)
        let opened = try Self.openCodec(choice, sampleRate: sampleRate, channelCount: channelCount, options: options)
        codec = opened
        frameSize = opened.pointee.frame_size > 0 ? Int(opened.pointee.frame_size) : Self.freeFrameSize
        packet = av_packet_alloc()
        frame = av_frame_alloc()
        do throws(MediaError) {
            try openContainer(path: path, choice: choice, codec: opened)
        } catch {
            release()
            throw error
        }
    }

    deinit { release() }

    private static func openCodec(
        _ choice: Choice, sampleRate: Int, channelCount: Int, options: AudioEncoder.Options
    ) throws(MediaError) -> UnsafeMutablePointer<AVCodecContext> {
        guard let encoder = avcodec_find_encoder_by_name(choice.encoder),
            let codec = avcodec_alloc_context3(encoder)
        else { throw MediaError(.internalError, "The encoder \(choice.encoder) is not installed") }
        av_channel_layout_default(&codec.pointee.ch_layout, Int32(channelCount))
        codec.pointee.sample_rate = Int32(sampleRate)
        codec.pointee.sample_fmt = choice.sampleFormat
        codec.pointee.time_base = AVRational(num: 1, den: Int32(sampleRate))
        codec.pointee.thread_count = 1
        codec.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
        switch choice.encoder {
        case "flac":
            codec.pointee.bits_per_raw_sample = 24
            codec.pointee.compression_level = 5
        case "libvorbis" where options.bitRate == nil:
            codec.pointee.flags |= AV_CODEC_FLAG_QSCALE
            codec.pointee.global_quality = 6 * FF_QP2LAMBDA
        default:
            codec.pointee.bit_rate = Int64(options.bitRate ?? choice.bitRate ?? 0)
        }
        let status = avcodec_open2(codec, encoder, nil)
        guard status >= 0 else {
            var unused: UnsafeMutablePointer<AVCodecContext>? = codec
            avcodec_free_context(&unused)
            throw MediaError(
                .invalidOption,
                "\(choice.encoder) cannot write \(channelCount) channels at \(sampleRate) Hz with these options",
                cause: MediaInput.words(status))
        }
        return codec
    }

    private func openContainer(
        path: String, choice: Choice, codec: UnsafeMutablePointer<AVCodecContext>
    ) throws(MediaError) {
        let url = "file:" + path
        var status = avformat_alloc_output_context2(&container, nil, choice.muxer, url)
        guard status >= 0, let container, let stream = avformat_new_stream(container, nil) else {
            throw Self.failure(status)
        }
        stream.pointee.time_base = codec.pointee.time_base
        // Same input, same bytes: no version, no time of day.
        container.pointee.flags |= AVFMT_FLAG_BITEXACT
        status = avcodec_parameters_from_context(stream.pointee.codecpar, codec)
        if status >= 0 { status = avio_open(&container.pointee.pb, url, AVIO_FLAG_WRITE) }
        var layout: OpaquePointer?
        defer { av_dict_free(&layout) }
        if choice.muxer == "ipod" {
            // The index in front, so that a player starts before it has the whole file.
            av_dict_set(&layout, "movflags", "+faststart", 0)
            // The edit list, which says where the audio ends, counts in this: milliseconds would round the length.
            av_dict_set(&layout, "movie_timescale", String(codec.pointee.sample_rate), 0)
        }
        if status >= 0 { status = avformat_write_header(container, &layout) }
        guard status >= 0 else { throw Self.failure(status) }
        frame?.pointee.format = codec.pointee.sample_fmt.rawValue
        frame?.pointee.nb_samples = Int32(frameSize)
        frame?.pointee.sample_rate = Int32(sampleRate)
        if let frame { status = av_channel_layout_copy(&frame.pointee.ch_layout, &codec.pointee.ch_layout) }
        if status >= 0 { status = av_frame_get_buffer(frame, 0) }
        guard status >= 0 else { throw Self.failure(status) }
    }

    func write(_ planes: [UnsafeBufferPointer<Float>], frameCount count: Int) throws(MediaError) {
        var taken = 0
        while taken < count {
            let now = min(count - taken, frameSize - filled)
            if filled == 0 {
                let status = av_frame_make_writable(frame)
                guard status >= 0 else { throw Self.failure(status) }
            }
            fill(planes, from: taken, count: now)
            taken += now
            filled += now
            if filled == frameSize { try encodeFrame() }
        }
    }

    /// Completes the file and returns its size.
    func finish() throws(MediaError) -> Int64 {
        if filled > 0 { try encodeFrame() }
        try send(nil)
        let status = av_write_trailer(container)
        guard status >= 0, let container else { throw Self.failure(status) }
        avio_flush(container.pointee.pb)
        let written = container.pointee.pb?.pointee.error ?? 0
        guard written >= 0 else { throw Self.failure(written) }
        let size = avio_size(container.pointee.pb)
        clippedSampleCount += quantiser.clippedCount
        release()
        return size
    }

    private func fill(_ planes: [UnsafeBufferPointer<Float>], from start: Int, count: Int) {
        guard let frame, let codec else { return }
        let data = frame.pointee.extended_data
        for (channel, plane) in planes.enumerated() {
            // SAFETY: av_frame_get_buffer gave `frameSize` samples a channel; `filled + count` stays below that.
            switch codec.pointee.sample_fmt {
            case AV_SAMPLE_FMT_FLTP:
                UnsafeMutableRawPointer(data?[channel])?.assumingMemoryBound(to: Float.self).advanced(by: filled)
                    .update(from: plane.baseAddress.unsafelyUnwrapped + start, count: count)
                for index in start..<start + count where plane[index] > 1 || plane[index] < -1 {
                    clippedSampleCount += 1
                }
            case AV_SAMPLE_FMT_FLT:
                let target = UnsafeMutableRawPointer(data?[0])?.assumingMemoryBound(to: Float.self)
                for index in 0..<count {
                    let sample = plane[start + index]
                    if sample > 1 || sample < -1 { clippedSampleCount += 1 }
                    target?[(filled + index) * channelCount + channel] = sample
                }
            default:
                let target = UnsafeMutableRawPointer(data?[0])?.assumingMemoryBound(to: Int32.self)
                for index in 0..<count {
                    target?[(filled + index) * channelCount + channel] = quantiser.quantise(plane[start + index]) << 8
                }
            }
        }
    }

    private func encodeFrame() throws(MediaError) {
        frame?.pointee.nb_samples = Int32(filled)
        frame?.pointee.pts = frameCount
        frameCount += Int64(filled)
        filled = 0
        try send(frame)
    }

    /// `frame` nil: drains the encoder.
    private func send(_ frame: UnsafeMutablePointer<AVFrame>?) throws(MediaError) {
        var status = avcodec_send_frame(codec, frame)
        guard status >= 0 else { throw Self.failure(status) }
        while true {
            status = avcodec_receive_packet(codec, packet)
            if status == cadenza_averror(EAGAIN) || status == cadenza_averror_eof() { return }
            guard status >= 0, let packet, let container, let stream = container.pointee.streams[0], let codec else {
                throw Self.failure(status)
            }
            av_packet_rescale_ts(packet, codec.pointee.time_base, stream.pointee.time_base)
            packet.pointee.stream_index = 0
            status = av_write_frame(container, packet)
            av_packet_unref(packet)
            guard status >= 0 else { throw Self.failure(status) }
        }
    }

    private static func failure(_ status: Int32) -> MediaError {
        for code in [ENOSPC, EDQUOT, EFBIG] where status == cadenza_averror(code) { return WaveWriter.failure(code) }
        return MediaError(.internalError, "The encoded file cannot be written", cause: MediaInput.words(status))
    }

    private func release() {
        av_frame_free(&frame)
        av_packet_free(&packet)
        avcodec_free_context(&codec)
        if let container { avio_closep(&container.pointee.pb) }
        avformat_free_context(container)
        container = nil
    }
}
