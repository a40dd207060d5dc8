/// Draws the Spleeter U-Net as a graph: what `SpleeterUNet` promises, node by node.
struct SpleeterGraph {
    private static let frame: [ONNXAttribute] = [
        // One row and column of zeros ahead and two behind: Keras' "same" padding of 5 × 5 with stride 2.
        .integers("kernel_shape", [5, 5]), .integers("strides", [2, 2]), .integers("pads", [1, 1, 2, 2]),
    ]

    private let weights: StateDictionary
    private let outputsPerLayer: Bool
    private var graph = ONNXGraphBuilder(name: "spleeter-unet")

    static func model(weights: StateDictionary, outputsPerLayer: Bool) -> ONNXModel {
        var graph = SpleeterGraph(weights: weights, outputsPerLayer: outputsPerLayer)
        graph.draw()
        return graph.graph.model()
    }

    private init(weights: StateDictionary, outputsPerLayer: Bool) {
        self.weights = weights
        self.outputsPerLayer = outputsPerLayer
    }

    private mutating func draw() {
        let shape: [ONNXDimension] = [
            .named("batch"), .fixed(SpleeterUNet.channelCount), .named("frames"), .named("bins"),
        ]
        let input = graph.input(SpleeterUNet.inputName, shape: shape)
        let mask = drawMask(drawDecoder(drawEncoder(input)))
        graph.output(graph.node(SpleeterUNet.outputName, "Mul", [mask, input]), shape: shape)
    }

    /// Convolution, normalisation, leaky ReLU, six times. - Returns: the convolutions' outputs.
    private mutating func drawEncoder(_ input: ONNXValue) -> [ONNXValue] {
        var skips: [ONNXValue] = []
        var current = input
        for level in 1...6 {
            let name = "down\(level)_conv"
            let skip = graph.node(
                name, "Conv", [current, weight(name + ".1.weight"), weight(name + ".1.bias")], Self.frame)
            skips.append(skip)
            show(skip)
            // The last level's activation leads nowhere: the decoder starts from its convolution.
            guard level < 6 else { break }
            current = drawActivation("down\(level)_act", skip)
            show(current)
        }
        return skips
    }

    private mutating func drawActivation(_ name: String, _ input: ONNXValue) -> ONNXValue {
        var inputs = [input]
        for part in ["weight", "bias", "running_mean", "running_var"] { inputs.append(weight("\(name).0.\(part)")) }
        let normalised = graph.node(
            name + ".0", "BatchNormalization", inputs, [.float("epsilon", SpleeterUNet.normalisationEpsilon)])
        return graph.node(name, "LeakyRelu", [normalised], [.float("alpha", SpleeterUNet.leakySlope)])
    }

    /// Transposed convolution, cropped like the encoder's padding, and the folded ReLU and normalisation, six times.
    private mutating func drawDecoder(_ skips: [ONNXValue]) -> ONNXValue {
        var current = skips[5]
        for level in 1...6 {
            let layer = FoldedDecoderLayer(weights: weights, level: level)
            let name = layer.name
            let input =
                level == 1
                ? current : graph.node(name + ".in", "Concat", [skips[6 - level], current], [.integer("axis", 1)])
            let kernel = graph.weight(name + ".kernel", shape: layer.kernelShape, numbers: layer.kernel)
            let bias = graph.weight(name + ".bias", shape: [layer.channels], numbers: layer.bias)
            let floor = graph.weight(name + ".floor", shape: [1, layer.channels, 1, 1], numbers: layer.floor)
            let convolution = graph.node(name + ".conv", "ConvTranspose", [input, kernel, bias], Self.frame)
            current = graph.node(name + ".max", "Max", [convolution, floor])
            if outputsPerLayer {
                let sign = graph.weight(name + ".sign", shape: [1, layer.channels, 1, 1], numbers: layer.signs)
                show(graph.node(name, "Mul", [current, sign]))
            }
        }
        return current
    }

    /// 4 × 4 convolution with dilation 2 and three zeros around, then the logistic function.
    private mutating func drawMask(_ input: ONNXValue) -> ONNXValue {
        let weights = weights
        let last = FoldedDecoderLayer(weights: weights, level: 6)
        let kernel = graph.weight("up7.kernel", shape: [SpleeterUNet.channelCount, 1, 4, 4]) {
            () throws(CheckpointError) in
            let sign = try last.signs()[0]
            return try weights.floats("up7.0.weight").map { $0 * sign }
        }
        let convolution = graph.node(
            "up7.conv", "Conv", [input, kernel, weight("up7.0.bias")],
            [.integers("kernel_shape", [4, 4]), .integers("dilations", [2, 2]), .integers("pads", [3, 3, 3, 3])])
        let mask = graph.node("up7", "Sigmoid", [convolution])
        show(mask)
        return mask
    }

    private mutating func weight(_ name: String) -> ONNXValue {
        let weights = weights
        return graph.weight(name, shape: weights.shape(of: name)) { () throws(CheckpointError) in
            try weights.floats(name)
        }
    }

    private mutating func show(_ layer: ONNXValue) {
        guard outputsPerLayer else { return }
        let axes = ["channels", "frames", "bins"].map { ONNXDimension.named("\(layer.name) \($0)") }
        graph.output(layer, shape: [.named("batch")] + axes)
    }
}

/// One decoder layer with its normalisation folded in (the identity is at `SpleeterUNet`).
private struct FoldedDecoderLayer: Sendable {
    let weights: StateDictionary
    let level: Int

    var name: String { "up\(level)" }
    var kernelShape: [Int] { weights.shape(of: name + ".0.weight") }
    var channels: Int { kernelShape[1] }

    /// Scale and shift of the normalisation: γ / √(variance + ε) and β − mean · scale. The running variance of a
    /// trained network is positive; a wrong one gives numbers that are not finite, as in the reference.
    private func normalisation() throws(CheckpointError) -> [(scale: Float, shift: Float)] {
        let scales = try weights.floats(name + ".3.weight")
        let shifts = try weights.floats(name + ".3.bias")
        let means = try weights.floats(name + ".3.running_mean")
        let variances = try weights.floats(name + ".3.running_var")
        return scales.indices.map { index in
            let deviation = Double(variances[index] + SpleeterUNet.normalisationEpsilon).squareRoot()
            let scale = Double(scales[index]) / deviation
            return (Float(scale), Float(Double(shifts[index]) - Double(means[index]) * scale))
        }
    }

    /// +1 or −1 a channel: what this layer's output still has to be multiplied by.
    func signs() throws(CheckpointError) -> [Float] { try normalisation().map { $0.scale < 0 ? -1 : 1 } }

    /// Below this no output value of a channel lies: the folded ReLU.
    func floor() throws(CheckpointError) -> [Float] { try normalisation().map { $0.scale < 0 ? -$0.shift : $0.shift } }

    func bias() throws(CheckpointError) -> [Float] {
        let bias = try weights.floats(name + ".0.bias")
        return zip(bias, try normalisation()).map { bias, norm in
            abs(norm.scale) * bias + (norm.scale < 0 ? -norm.shift : norm.shift)
        }
    }

    /// `[input channels, output channels, 5, 5]`, with this layer's scale and the signs of the layer before.
    func kernel() throws(CheckpointError) -> [Float] {
        var kernel = try weights.floats(name + ".0.weight")
        let scales = try normalisation().map { abs($0.scale) }
        let signs = try inputSigns()
        let taps = kernelShape[2] * kernelShape[3]
        var index = 0
        for sign in signs {
            for scale in scales {
                for _ in 0..<taps {
                    kernel[index] *= sign * scale
                    index += 1
                }
            }
        }
        return kernel
    }

    /// The skip connection comes first, unfolded; the layer before follows with its signs.
    private func inputSigns() throws(CheckpointError) -> [Float] {
        guard level > 1 else { return [Float](repeating: 1, count: kernelShape[0]) }
        let before = try FoldedDecoderLayer(weights: weights, level: level - 1).signs()
        return [Float](repeating: 1, count: kernelShape[0] - before.count) + before
    }
}
