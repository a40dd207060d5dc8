internal import CLibAV
internal import Glibc

/// The child's loop: packets → frames → the target's rate and channels → blocks on the pipe.
final class DecodingRun {
    private let input: MediaInput
    private let opening: MediaOpening
    private let limits: MediaLimits
    private let blocks: BlockWriter
    private let trackFrameCount: Int64?
    private var converter: SampleConverter?
    private var form: SampleConverter.Form?
    private var sourceFrameCount: Int64 = 0
    private var goodPacketCount = 0
    private var warningCount = 0
    private var warnings: [String] = []

    init(input: MediaInput, opening: MediaOpening, limits: MediaLimits, output: RecordOutput) throws(MediaError) {
        self.input = input
        self.opening = opening
        self.limits = limits
        trackFrameCount = input.trackFrameCount
        blocks = BlockWriter(channelCount: opening.channelCount, output: output)
    }

    func toEnd() throws(MediaError) -> DecodeSummary {
        guard let packet = av_packet_alloc(), let frame = av_frame_alloc() else {
            throw MediaError(.mediaUnreadable, "The file needs too much memory to decode")
        }
        while true {
            let status = av_read_frame(input.format, packet)
            if status == cadenza_averror_eof() { break }
            guard status >= 0 else {
                warn("reading stopped at \(position) s: \(MediaInput.words(status))")
                break
            }
            if packet.pointee.stream_index == input.stream.pointee.index { try decode(packet, frame) }
            av_packet_unref(packet)
        }
        try decode(nil, frame)
        try flushConverter()
        try check()
        try blocks.flush()
        return DecodeSummary(
            sourceFrameCount: sourceFrameCount, sourceSampleRate: opening.probe.sampleRate,
            frameCount: blocks.frameCount, sampleRate: opening.sampleRate,
            warningCount: warningCount + (blocks.nonFiniteCount > 0 ? 1 : 0),
            warnings: warnings
                + (blocks.nonFiniteCount > 0 ? ["\(blocks.nonFiniteCount) samples are not numbers: silenced"] : []))
    }

    private var position: String {
        MediaInput.text(Double(sourceFrameCount) / Double(opening.probe.sampleRate))
    }

    private func warn(_ text: String) {
        warningCount += 1
        if warnings.count < MediaRecord.textsMax - 1 { warnings.append(text) }
    }

    /// `packet` nil: drains the decoder.
    private func decode(
        _ packet: UnsafeMutablePointer<AVPacket>?, _ frame: UnsafeMutablePointer<AVFrame>
    ) throws(MediaError) {
        let sent = avcodec_send_packet(input.codec, packet)
        if sent == cadenza_averror(ENOMEM) {
            throw MediaError(.mediaUnreadable, "The file needs too much memory to decode")
        }
        if sent < 0, sent != cadenza_averror_eof() {
            warn("damaged audio skipped at \(position) s: \(MediaInput.words(sent))")
            return
        }
        while true {
            let received = avcodec_receive_frame(input.codec, frame)
            if received == cadenza_averror(EAGAIN) || received == cadenza_averror_eof() { break }
            guard received >= 0 else {
                warn("damaged audio skipped at \(position) s: \(MediaInput.words(received))")
                break
            }
            goodPacketCount += 1
            try take(frame)
            av_frame_unref(frame)
        }
    }

    private func take(_ frame: UnsafeMutablePointer<AVFrame>) throws(MediaError) {
        let now = SampleConverter.Form(
            sampleFormat: frame.pointee.format, sampleRate: Int(frame.pointee.sample_rate),
            channelCount: Int(frame.pointee.ch_layout.nb_channels))
        if now != form {
            try MediaInput.check(channelCount: now.channelCount, sampleRate: now.sampleRate, limits: limits)
            try flushConverter()
            converter = try SampleConverter(
                from: now, layout: frame.pointee.ch_layout, toRate: opening.sampleRate,
                channelCount: opening.channelCount)
            form = now
        }
        var count = Int(frame.pointee.nb_samples)
        if let trackFrameCount, now.sampleRate == opening.probe.sampleRate {
            let left = max(0, trackFrameCount - sourceFrameCount)
            // An edit list often counts in whole milliseconds: what it cuts off by rounding is kept.
            if Int64(count) > left + Int64(now.sampleRate / 1000) || left == 0 { count = Int(left) }
            if count == 0 { return }
        }
        sourceFrameCount += Int64(count) * Int64(opening.probe.sampleRate) / Int64(now.sampleRate)
        if Double(sourceFrameCount) > limits.durationSecondsMax * Double(opening.probe.sampleRate) {
            throw MediaInput.tooLong(limits: limits, at: "The audio is longer than its header says")
        }
        // SAFETY: extended_data has a pointer a plane, valid until the frame is unreferenced.
        let data = UnsafeMutableRawPointer(frame.pointee.extended_data)?
            .assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
        try converter?.convert(data, frameCount: count) { (planes) throws(MediaError) in try blocks.append(planes) }
    }

    /// Sends what the filter holds back, cut or filled to the exact length in the target's rate.
    private func flushConverter() throws(MediaError) {
        guard let converter else { return }
        let exact = Double(sourceFrameCount) * Double(opening.sampleRate) / Double(opening.probe.sampleRate)
        let wanted = Int64(exact.rounded()) - blocks.frameCount
        try converter.convert(nil, frameCount: 0) { (planes) throws(MediaError) in
            try blocks.append(planes, frameCountMax: Int(max(0, wanted)))
        }
        try blocks.fill(upTo: Int64(exact.rounded()))
        self.converter = nil
    }

    private func check() throws(MediaError) {
        guard sourceFrameCount > 0, goodPacketCount >= warningCount else {
            throw MediaError(
                .mediaUnreadable,
                sourceFrameCount == 0
                    ? "The file holds no decodable audio" : "More of the file is damaged than can be decoded",
                cause: warnings.first)
        }
        guard input.isDurationPromised, let promised = opening.probe.durationSeconds else { return }
        try PromisedDuration.check(
            promised: promised, found: Double(sourceFrameCount) / Double(opening.probe.sampleRate))
    }
}
