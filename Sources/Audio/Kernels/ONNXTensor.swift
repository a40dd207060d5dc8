internal import CKernels

/// A dense, row-major tensor over the caller's memory, bound to a model's input or output by name.
///
/// The memory must stay valid, and an output's untouched, until the execution returns.
public struct ONNXTensor {
    public enum ElementType: Sendable, CaseIterable {
        case float16, float32, float64, int8, uint8, int32, int64, bool
    }

    public let name: String
    public let type: ElementType
    public let shape: [Int]
    // SAFETY: the caller's memory; the shape is checked against its count where the tensor is made.
    let bytes: UnsafeMutableRawBufferPointer

    /// An input: only read. `values.count` must be the product of `shape`.
    public init(_ name: String, _ shape: [Int], reading values: UnsafeBufferPointer<Float>) {
        self.init(name, shape, .float32, UnsafeRawBufferPointer(values), values.count)
    }

    /// An input: only read. `values.count` must be the product of `shape`.
    public init(_ name: String, _ shape: [Int], reading values: UnsafeBufferPointer<Int64>) {
        self.init(name, shape, .int64, UnsafeRawBufferPointer(values), values.count)
    }

    /// An output: written in place. `values.count` must be the product of `shape`.
    public init(_ name: String, _ shape: [Int], writing values: UnsafeMutableBufferPointer<Float>) {
        self.init(name, shape, .float32, UnsafeRawBufferPointer(values), values.count)
    }

    /// An output: written in place. `values.count` must be the product of `shape`.
    public init(_ name: String, _ shape: [Int], writing values: UnsafeMutableBufferPointer<Int64>) {
        self.init(name, shape, .int64, UnsafeRawBufferPointer(values), values.count)
    }

    private init(_ name: String, _ shape: [Int], _ type: ElementType, _ bytes: UnsafeRawBufferPointer, _ count: Int) {
        precondition(shape.allSatisfy { $0 >= 0 } && shape.reduce(1, *) == count, "\(name): \(shape) of \(count)")
        self.name = name
        self.shape = shape
        self.type = type
        // SAFETY: the C API writes to outputs only; an input's memory is never written.
        self.bytes = UnsafeMutableRawBufferPointer(mutating: bytes)
    }
}

extension ONNXTensor.ElementType {
    var code: ak_onnx_type {
        switch self {
        case .float16: AK_ONNX_FLOAT16
        case .float32: AK_ONNX_FLOAT32
        case .float64: AK_ONNX_FLOAT64
        case .int8: AK_ONNX_INT8
        case .uint8: AK_ONNX_UINT8
        case .int32: AK_ONNX_INT32
        case .int64: AK_ONNX_INT64
        case .bool: AK_ONNX_BOOL
        }
    }

    init?(code: ak_onnx_type) {
        guard let match = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = match
    }
}
