internal import CKernels
public import Core
internal import Glibc
internal import Synchronization

/// One caller's executions of a session. Executes on one thread at a time; any thread may cancel it.
public final class ONNXRun: Sendable {
    private let session: ONNXSession
    // SAFETY: set once; the C API allows cancel beside an execution, and `executing` refuses a second execution.
    private nonisolated(unsafe) let handle: OpaquePointer
    private let executing = Atomic<Bool>(false)

    /// - Throws: `outOfMemory`, `runtime`.
    public init(_ session: ONNXSession) throws(KernelError) {
        var made: OpaquePointer?
        var failure = ak_onnx_error()
        try KernelError.check(ak_onnx_run_create(session.handle, &made, &failure), failure.message)
        guard let made else { throw .outOfMemory }
        self.session = session
        handle = made
    }

    deinit {
        var made: OpaquePointer? = handle
        ak_onnx_run_destroy(&made)
    }

    /// Ends a running execution at the next operator, and every later one at once: for good.
    public func cancel() { ak_onnx_run_cancel(handle) }

    /// Computes `outputs`, in place, from `inputs`; blocks its thread.
    ///
    /// - Parameter flag: looked at about every 0.1 s during the execution; raised, it cancels this run.
    /// - Throws: `canceled`, `runtime` (a name, type or shape that the model refuses, …), `invalidArgument`,
    ///   `outOfMemory`. Outputs are unspecified then.
    public func execute(
        inputs: [ONNXTensor], outputs: [ONNXTensor], unless flag: CancellationFlag? = nil
    ) throws(KernelError) {
        precondition(
            !executing.exchange(true, ordering: .acquiring), "an ONNXRun executes on one thread at a time")
        defer { executing.store(false, ordering: .releasing) }
        let bindings = TensorBindings(inputs + outputs)
        var failure = ak_onnx_error()
        // SAFETY: the flag outlives the call, and the binding asks only during the call.
        let context = flag.map { Unmanaged.passUnretained($0).toOpaque() }
        let status = ak_onnx_run_execute(
            handle, bindings.tensors.baseAddress, inputs.count,
            bindings.tensors.baseAddress.map { $0 + inputs.count }, outputs.count,
            context == nil ? nil : { pollFlag($0) }, context, &failure)
        withExtendedLifetime(flag) {}
        try KernelError.check(status, failure.message)
    }
}

private func pollFlag(_ context: UnsafeMutableRawPointer?) -> Bool {
    guard let context else { return false }
    // SAFETY: `context` is the flag that the execution in progress holds.
    return Unmanaged<CancellationFlag>.fromOpaque(context).takeUnretainedValue().isRaised
}

/// The C form of a list of tensors, with copies of names and shapes that live as long as it does.
private struct TensorBindings: ~Copyable {
    // SAFETY: allocated in init, with names and shapes, and freed in deinit; the tensors' data is the caller's.
    let tensors: UnsafeMutableBufferPointer<ak_onnx_tensor>

    init(_ list: [ONNXTensor]) {
        tensors = .allocate(capacity: list.count)
        for (index, tensor) in list.enumerated() {
            let shape = UnsafeMutablePointer<Int64>.allocate(capacity: max(tensor.shape.count, 1))
            for (axis, size) in tensor.shape.enumerated() { (shape + axis).initialize(to: Int64(size)) }
            tensors.initializeElement(
                at: index,
                to: ak_onnx_tensor(
                    name: strdup(tensor.name), type: tensor.type.code, shape: shape, rank: tensor.shape.count,
                    data: tensor.bytes.baseAddress, byte_count: tensor.bytes.count))
        }
    }

    deinit {
        for tensor in tensors {
            free(UnsafeMutableRawPointer(mutating: tensor.name))
            tensor.shape.deallocate()
        }
        tensors.deallocate()
    }
}
