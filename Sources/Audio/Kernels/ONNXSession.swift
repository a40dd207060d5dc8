internal import CKernels

/// A model with its weights, read-only and shared; each caller runs it through an `ONNXRun` of its own.
public final class ONNXSession: Sendable {
    public enum Optimization: Sendable {
        case none, basic, extended, all
    }

    public struct Options: Sendable {
        /// Threads inside an operator, 1…256, the calling thread included. They take their niceness from the thread
        /// that makes the session.
        public var intraThreads = 1
        /// Threads across operators, 1…256.
        public var interThreads = 1
        public var optimization = Optimization.all
        /// Keep freed tensor memory for the next run: faster, holds the peak until the session ends.
        public var memoryArena = true
        /// Plan one block per run from the first run's shapes.
        public var memoryPattern = true
        /// Threads busy-wait for work: lower latency, a whole core while idle.
        public var spinning = false
        /// Severity from which this session's lines reach the runtime's log.
        public var logFrom = ONNXRuntime.Severity.error

        public init() {}
    }

    /// A named input or output as the model declares it.
    public struct Value: Sendable, Equatable {
        public let name: String
        /// Nil for what is not a dense tensor of a type known here.
        public let type: ONNXTensor.ElementType?
        /// Nil where the model leaves the size open.
        public let shape: [Int?]
    }

    public let inputs: [Value]
    public let outputs: [Value]

    // SAFETY: set once, read-only after creation by the C API's thread rule, destroyed in deinit.
    nonisolated(unsafe) let handle: OpaquePointer
    private let runtime: ONNXRuntime

    /// Reads the model from a file.
    /// - Throws: `notFound`, `invalidArgument`, `outOfMemory`, `runtime` (not a model, an unknown operator, …).
    public convenience init(
        _ runtime: ONNXRuntime, path: String, options: Options = Options()
    ) throws(KernelError) {
        try self.init(runtime, options) { parameters, make in
            path.withCString { file in
                parameters.model_path = file
                return make(&parameters)
            }
        }
    }

    /// Reads the model from memory, which may be freed afterwards.
    /// - Throws: as `init(_:path:options:)`.
    public convenience init(
        _ runtime: ONNXRuntime, bytes: UnsafeRawBufferPointer, options: Options = Options()
    ) throws(KernelError) {
        try self.init(runtime, options) { parameters, make in
            parameters.model_bytes = bytes.baseAddress
            parameters.model_byte_count = bytes.count
            return make(&parameters)
        }
    }

    private init(
        _ runtime: ONNXRuntime, _ options: Options,
        _ source: (inout ak_onnx_session_params, (inout ak_onnx_session_params) -> ak_status) -> ak_status
    ) throws(KernelError) {
        guard let intra = Int32(exactly: options.intraThreads), let inter = Int32(exactly: options.interThreads)
        else { throw .invalidArgument("\(options.intraThreads), \(options.interThreads) threads") }
        var parameters = ak_onnx_session_params()
        ak_onnx_session_params_default(&parameters)
        parameters.intra_threads = intra
        parameters.inter_threads = inter
        parameters.optimization = options.optimization.code
        parameters.memory_arena = options.memoryArena
        parameters.memory_pattern = options.memoryPattern
        parameters.spinning = options.spinning
        parameters.log_from = ak_onnx_severity(UInt32(options.logFrom.rawValue))
        var made: OpaquePointer?
        var failure = ak_onnx_error()
        let status = source(&parameters) { ak_onnx_session_create(runtime.handle, &$0, &made, &failure) }
        try KernelError.check(status, failure.message)
        guard let made else { throw .outOfMemory }
        self.runtime = runtime
        handle = made
        inputs = Self.values(made, ak_onnx_session_input_count(made), ak_onnx_session_input)
        outputs = Self.values(made, ak_onnx_session_output_count(made), ak_onnx_session_output)
    }

    deinit {
        var made: OpaquePointer? = handle
        ak_onnx_session_destroy(&made)
    }

    private static func values(
        _ handle: OpaquePointer, _ count: Int,
        _ read: (OpaquePointer?, Int, UnsafeMutablePointer<ak_onnx_value_info>?) -> ak_status
    ) -> [Value] {
        (0..<count).map { index in
            var info = ak_onnx_value_info()
            KernelError.require(read(handle, index, &info))
            let shape = UnsafeBufferPointer(start: info.shape, count: info.rank)
            return Value(
                name: String(cString: info.name), type: ONNXTensor.ElementType(code: info.type),
                shape: shape.map { $0 < 0 ? nil : Int($0) })
        }
    }
}

extension ONNXSession.Optimization {
    fileprivate var code: ak_onnx_optimization {
        switch self {
        case .none: AK_ONNX_OPTIMIZE_NONE
        case .basic: AK_ONNX_OPTIMIZE_BASIC
        case .extended: AK_ONNX_OPTIMIZE_EXTENDED
        case .all: AK_ONNX_OPTIMIZE_ALL
        }
    }
}
