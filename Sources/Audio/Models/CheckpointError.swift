/// Why a checkpoint is refused. Nothing of a refused file is kept.
public enum CheckpointError: Error, Hashable, Sendable {
    /// A system call on the file failed.
    case unreadable(path: String, call: String, errno: Int32)
    /// The bytes at `offset` of the file are not what the format says.
    case malformed(what: String, offset: Int)
    /// A `CheckpointLimits` value was exceeded, by its name.
    case overLimit(String)
    /// The pickle names a class or function that is not on the list, as `module.name`; it was not run.
    case refusedGlobal(String)
    /// The pickle applies a permitted function or state in a way that no tensor file needs.
    case refusedCall(String)
    /// The pickle uses an instruction that no tensor file needs.
    case refusedOpcode(UInt8, offset: Int)
    /// Well-formed, but outside of what this reader does (a compressed entry, big-endian numbers, …).
    case unsupported(String)
    /// A tensor's shape, strides and offset reach outside of its storage.
    case tensorOutOfRange(String)
    /// The tensors are not those of the architecture, by state-dict names; `misshapen` says found and expected.
    case doesNotFit(missing: [String], unexpected: [String], misshapen: [String])
}

/// Bounds on what a checkpoint may ask for; the defaults fit every published model with much room.
public struct CheckpointLimits: Sendable {
    public var fileBytesMax = 16 << 30
    public var zipEntriesMax = 1 << 16
    public var nameBytesMax = 1 << 10
    public var opcodesMax = 8 << 20
    public var stackDepthMax = 1 << 16
    public var memoEntriesMax = 1 << 20
    public var containerElementsMax = 2 << 20
    public var nestingMax = 32
    public var tensorsMax = 1 << 16
    public var axesMax = 8
    public var tensorElementsMax = 1 << 29
    public var headerBytesMax = 16 << 20

    public init() {}
}
