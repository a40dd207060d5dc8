/// Named tensors of a checkpoint file: PyTorch zip (`.ckpt .pt .pth`) or `.safetensors`, told apart by content.
///
/// The file is mapped, not loaded: a tensor's numbers are read when asked for. Nothing in the file is executed.
/// A pickle may hold torch tensors or numpy arrays; tensors in nested dictionaries are named `outer.inner`, and values
/// that are neither tensors nor dictionaries of them (epochs, options) are left out.
public final class Checkpoint: Sendable {
    public let tensors: [String: TensorView]

    /// - Throws: `CheckpointError` for anything but a well-formed file within `limits`.
    public init(readingFile path: String, limits: CheckpointLimits = CheckpointLimits()) throws(CheckpointError) {
        let file = try MappedFile(path: path, byteCountMax: limits.fileBytesMax)
        if file.bytes.integer(at: 0, as: UInt32.self) == 0x0403_4B50 {
            tensors = try TorchZip.tensors(in: file, limits: limits)
        } else if file.bytes.count > 8, file.bytes[8] == UInt8(ascii: "{") {
            tensors = try SafeTensors.tensors(in: file, limits: limits)
        } else if file.bytes[0] == 0x80 {
            throw .unsupported("a PyTorch file from before version 1.6: save it again with a later one")
        } else {
            throw .malformed(what: "neither a PyTorch zip nor a safetensors file", offset: 0)
        }
    }
}
