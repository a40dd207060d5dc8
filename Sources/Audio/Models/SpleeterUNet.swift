/// The Spleeter U-Net (Hennequin et al., "Spleeter", JOSS 2020): a magnitude spectrogram in, a masked one out.
///
/// Input `magnitude` and output `estimate`, float32 `[batch, 2, frames, bins]`: both channels of a stereo
/// spectrogram, `frames` and `bins` multiples of 64 (trained with 512 × 1024). Output = sigmoid mask × input.
public struct SpleeterUNet: Sendable {
    public static let inputName = "magnitude"
    public static let outputName = "estimate"
    public static let channelCount = 2
    public static let framesPerSegment = 512
    public static let binCount = 1024

    /// Takes the weights by their state-dict names.
    /// - Throws: when a tensor is missing, unexpected or of another shape.
    public init(checkpoint: Checkpoint) throws(CheckpointError) {}

    /// The network as an ONNX model.
    /// - Parameter outputsPerLayer: makes each layer's output an extra output of the graph, by the layer's name.
    public func model(outputsPerLayer: Bool = false) throws(CheckpointError) -> ONNXModel { ONNXModel() }
}
