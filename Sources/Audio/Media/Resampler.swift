internal import CLibAV

/// Converts the rate of trusted planar float audio, streaming, without shift in time.
///
/// libswresample's windowed sinc, 64 taps, pass band to 0.98 of the lower Nyquist frequency.
public final class Resampler {
    public let inputRate: Int
    public let outputRate: Int
    public let channelCount: Int
    private let converter: SampleConverter
    private var framesIn: Int64 = 0
    private var framesOut: Int64 = 0

    /// - Throws: `invalidOption` when a rate or the channel count is out of range.
    public init(inputRate: Int, outputRate: Int, channelCount: Int) throws(MediaError) {
        guard (1000...768_000).contains(inputRate), (1000...768_000).contains(outputRate),
            (1...8).contains(channelCount)
        else {
            throw MediaError(
                .invalidOption, "\(channelCount) channels cannot be resampled from \(inputRate) to \(outputRate) Hz")
        }
        self.inputRate = inputRate
        self.outputRate = outputRate
        self.channelCount = channelCount
        converter = try SampleConverter(
            from: .planarFloat(sampleRate: inputRate, channelCount: channelCount), layout: nil,
            toRate: outputRate, channelCount: channelCount)
    }

    /// Takes a block and gives what is ready: may be empty.
    public func process(_ block: AudioBlock) throws(MediaError) -> AudioBlock {
        try block.withPlanes { (planes) throws(MediaError) in
            try process(planes, frameCount: block.frameCount)
        }
    }

    /// Takes `frameCount` frames, one plane per channel, and gives what is ready.
    public func process(
        _ planes: [UnsafeBufferPointer<Float>], frameCount: Int
    ) throws(MediaError) -> AudioBlock {
        precondition(planes.count == channelCount && planes.allSatisfy { $0.count >= frameCount })
        guard frameCount > 0 else { return AudioBlock(channelCount: channelCount, frameCount: 0) }
        framesIn += Int64(frameCount)
        // SAFETY: the planes are the caller's for the length of the call.
        var pointers = planes.map { plane in
            UnsafeRawPointer(plane.baseAddress)?.assumingMemoryBound(to: UInt8.self)
        }
        let outcome = pointers.withUnsafeMutableBufferPointer { table in
            Result { () throws(MediaError) in
                try converter.convert(table.baseAddress, frameCount: frameCount, self.collect)
            }
        }
        return try outcome.get()
    }

    /// The rest. In total `outputFrameCount` frames will have come out, cut or filled with silence;
    /// nil: input frames × output rate / input rate, rounded. For a round trip name the original's count.
    public func finish(outputFrameCount: Int64? = nil) throws(MediaError) -> AudioBlock {
        let exact = (Double(framesIn) * Double(outputRate) / Double(inputRate)).rounded()
        let wanted = Int(max(0, (outputFrameCount ?? Int64(exact)) - framesOut))
        let rest = try converter.convert(nil, frameCount: 0, collect)
        return rest.resized(to: wanted)
    }

    private func collect(_ planes: [UnsafeBufferPointer<Float>]) throws(MediaError) -> AudioBlock {
        framesOut += Int64(planes[0].count)
        return AudioBlock(planes)
    }
}
