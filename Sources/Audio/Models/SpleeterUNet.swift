/// The Spleeter U-Net (Hennequin et al., "Spleeter", JOSS 2020): one network for one stem.
///
/// Input `magnitude` and output `estimate`, float32 `[batch, 2, frames, bins]`: the magnitudes of both channels, and
/// sigmoid mask × magnitude. `frames` and `bins` must be multiples of 64; it was trained with 512 × 1024.
///
/// Batch normalisation after the decoder's ReLU is folded. With scale a, shift b, sign s of a:
/// a·max(x, 0) + b = s·max(|a|·x + s·b, s·b), so |a| and s·b go into the convolution before, one `Max` remains, and
/// the convolution after it takes the sign. That is exact, also at the borders, since nothing is added outside the max.
/// The encoder's cannot be folded: its convolutions also feed the decoder as they are.
public struct SpleeterUNet: Sendable {
    public static let inputName = "magnitude"
    public static let outputName = "estimate"
    public static let channelCount = 2
    public static let framesPerSegment = 512
    public static let binCount = 1024

    /// The layers that `outputsPerLayer` shows, in the order of computation, named as in the state dict.
    public static let layerNames =
        (1...6).map { "down\($0)_conv" } + (1...5).map { "down\($0)_act" } + (1...7).map { "up\($0)" }

    static let encoderChannels = [channelCount, 16, 32, 64, 128, 256, 512]
    static let decoderChannels = [(512, 256), (512, 128), (256, 64), (128, 32), (64, 16), (32, 1)]
    static let normalisationEpsilon: Float = 1e-3
    static let leakySlope: Float = 0.2

    private let weights: StateDictionary

    /// Takes the weights by their state-dict names; their numbers are read when the model is written.
    /// - Throws: `.doesNotFit` when a tensor is missing, unexpected or of another shape.
    public init(checkpoint: Checkpoint) throws(CheckpointError) {
        weights = try StateDictionary(checkpoint: checkpoint, shapes: Self.shapes)
    }

    /// The state dict: names and shapes.
    static var shapes: [String: [Int]] {
        var shapes: [String: [Int]] = [:]
        func addNormalisation(_ name: String, _ channels: Int) {
            for part in ["weight", "bias", "running_mean", "running_var"] { shapes[name + "." + part] = [channels] }
        }
        for level in 1...6 {
            let (input, output) = (encoderChannels[level - 1], encoderChannels[level])
            shapes["down\(level)_conv.1.weight"] = [output, input, 5, 5]
            shapes["down\(level)_conv.1.bias"] = [output]
            addNormalisation("down\(level)_act.0", output)
        }
        for (index, (input, output)) in decoderChannels.enumerated() {
            shapes["up\(index + 1).0.weight"] = [input, output, 5, 5]
            shapes["up\(index + 1).0.bias"] = [output]
            addNormalisation("up\(index + 1).3", output)
        }
        shapes["up7.0.weight"] = [channelCount, 1, 4, 4]
        shapes["up7.0.bias"] = [channelCount]
        return shapes
    }

    /// The network as an ONNX model.
    /// - Parameter outputsPerLayer: makes the layers of `layerNames` extra outputs, with the values that the
    ///   unfolded network has there; for tests.
    public func model(outputsPerLayer: Bool = false) -> ONNXModel {
        SpleeterGraph.model(weights: weights, outputsPerLayer: outputsPerLayer)
    }
}
