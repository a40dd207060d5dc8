/// An ONNX model as bytes (`ModelProto`), ready for ONNX Runtime.
public struct ONNXModel: Sendable {
    /// The serialised `ModelProto`.
    public func encode() throws(CheckpointError) -> [UInt8] { [] }

    /// Writes the model to a file, one weight in memory at a time.
    public func write(toFile path: String) throws(CheckpointError) {}
}
