/// Converts the rate of trusted planar float audio, streaming, without shift in time.
public final class Resampler {
    /// - Throws: `invalidOption` when a rate or the channel count is not positive.
    public init(inputRate: Int, outputRate: Int, channelCount: Int) throws(MediaError) {
        throw MediaError(.internalError, "not built yet")
    }

    /// Takes a block and gives what is ready: may be empty.
    public func process(_ block: AudioBlock) throws(MediaError) -> AudioBlock {
        throw MediaError(.internalError, "not built yet")
    }

    /// The rest. In total `outputFrameCount` frames will have come out, cut or filled with silence;
    /// nil: input frames × output rate / input rate, rounded. For a round trip name the original's count.
    public func finish(outputFrameCount: Int64? = nil) throws(MediaError) -> AudioBlock {
        throw MediaError(.internalError, "not built yet")
    }
}
