/// Named tensors of a checkpoint file: PyTorch zip (`.ckpt .pt .pth`) or `.safetensors`, told apart by content.
///
/// The file is mapped, not loaded: a tensor's numbers are read when asked for. Nothing in the file is executed.
public final class Checkpoint: Sendable {
    public let tensors: [String: TensorView]

    /// - Throws: `CheckpointError` for anything but a well-formed file within `limits`.
    public init(readingFile path: String, limits: CheckpointLimits = CheckpointLimits()) throws(CheckpointError) {
        tensors = [:]
    }
}

/// Bounds on what a checkpoint may ask for.
public struct CheckpointLimits: Sendable {
    public init() {}
}

/// Why a checkpoint is refused.
public enum CheckpointError: Error, Hashable, Sendable {
    case malformed(String)
}
