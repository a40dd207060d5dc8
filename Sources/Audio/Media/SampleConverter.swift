internal import CLibAV

/// libswresample with this house's settings: any sample format in, planar float32 out, without shift in time.
final class SampleConverter {
    struct Form: Equatable {
        var sampleFormat: Int32
        var sampleRate: Int
        var channelCount: Int

        static func planarFloat(sampleRate: Int, channelCount: Int) -> Form {
            Form(
                sampleFormat: AV_SAMPLE_FMT_FLTP.rawValue, sampleRate: sampleRate, channelCount: channelCount)
        }
    }

    private var context: OpaquePointer?
    private let channelCount: Int
    private var capacity = 0
    private var planes: [UnsafeMutablePointer<UInt8>?]

    /// 64 taps, pass band to 0.98 of the lower Nyquist frequency; exact-rational phases, so that no drift builds up.
    private static let filterTaps: Int64 = 64
    private static let cutoff = 0.98

    /// - Parameter layout: the input's speaker layout; nil or unspecific: the usual one of its channel count.
    init(from input: Form, layout: AVChannelLayout?, toRate rate: Int, channelCount: Int) throws(MediaError) {
        self.channelCount = channelCount
        planes = Array(repeating: nil, count: channelCount)
        var source = AVChannelLayout()
        if var layout, layout.order != AV_CHANNEL_ORDER_UNSPEC {
            av_channel_layout_copy(&source, &layout)
        } else {
            av_channel_layout_default(&source, Int32(input.channelCount))
        }
        var target = AVChannelLayout()
        // Equal counts keep every channel where it is, whatever it is called.
        if input.channelCount == channelCount {
            av_channel_layout_copy(&target, &source)
        } else {
            av_channel_layout_default(&target, Int32(channelCount))
        }
        var status = swr_alloc_set_opts2(
            &context, &target, AV_SAMPLE_FMT_FLTP, Int32(rate), &source,
            AVSampleFormat(rawValue: input.sampleFormat), Int32(input.sampleRate), 0, nil)
        if status >= 0 { status = configure(input: input, channelCount: channelCount) }
        if status >= 0 { status = swr_init(context) }
        guard status >= 0 else {
            throw MediaError(
                .mediaUnreadable,
                "Audio of \(input.channelCount) channels at \(input.sampleRate) Hz cannot be converted",
                cause: MediaInput.words(status))
        }
    }

    deinit {
        swr_free(&context)
        for plane in planes { plane?.deallocate() }
    }

    private func configure(input: Form, channelCount: Int) -> Int32 {
        guard let context else { return -1 }
        let object = UnsafeMutableRawPointer(context)
        av_opt_set_int(object, "filter_size", Self.filterTaps, 0)
        av_opt_set_double(object, "cutoff", Self.cutoff, 0)
        av_opt_set_int(object, "exact_rational", 1, 0)
        // Mono goes to both sides at its own level; a mix to mono is the mean, so that it cannot clip.
        if input.channelCount == 1, channelCount == 2 { return swr_set_matrix(context, [1, 1], 1) }
        if channelCount == 1 { av_opt_set_double(object, "rematrix_maxval", 1, 0) }
        return 0
    }

    /// Converts `frameCount` frames of `input` (a plane a channel, or one when interleaved; nil: the rest that
    /// the filter holds) and lends the result's planes and their length.
    func convert<Result>(
        _ input: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, frameCount: Int,
        _ body: ([UnsafeBufferPointer<Float>]) throws(MediaError) -> Result
    ) throws(MediaError) -> Result {
        reserve(Int(max(0, swr_get_out_samples(context, Int32(frameCount)))) + 32)
        let count = planes.withUnsafeMutableBufferPointer { planes in
            swr_convert(context, planes.baseAddress, Int32(capacity), input, Int32(frameCount))
        }
        guard count >= 0 else {
            throw MediaError(.mediaUnreadable, "The audio cannot be converted", cause: MediaInput.words(count))
        }
        // SAFETY: each plane holds `capacity` floats, of which swr_convert has written `count`.
        return try body(
            planes.map { plane in
                UnsafeRawBufferPointer(start: plane, count: Int(count) * 4).assumingMemoryBound(to: Float.self)
            })
    }

    private func reserve(_ frames: Int) {
        guard frames > capacity else { return }
        for plane in planes { plane?.deallocate() }
        capacity = max(frames, 8192)
        // SAFETY: owned here, freed in deinit; 64-byte alignment for libswresample's vector code.
        planes = (0..<channelCount).map { _ in
            UnsafeMutableRawPointer.allocate(byteCount: capacity * 4, alignment: 64)
                .assumingMemoryBound(to: UInt8.self)
        }
    }
}
