/// A tensor in a mapped file.
public struct TensorView: Sendable {
    /// Lengths of the axes, slowest first; empty for a scalar.
    public var shape: [Int]

    /// The numbers in row-major order as float32; float16 and bfloat16 are widened exactly.
    public func floats() throws(CheckpointError) -> [Float] { [] }
}
