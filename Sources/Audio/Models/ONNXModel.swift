internal import Glibc

/// An ONNX model (`ModelProto`), ready for ONNX Runtime.
public struct ONNXModel: Sendable {
    /// Protocol buffers end at 2 GiB.
    public static let byteCountMax = Int(Int32.max)
    private static let floatType: Int64 = 1

    private let graph: ONNXGraphBuilder

    init(graph: ONNXGraphBuilder) { self.graph = graph }

    /// The serialised model. Takes its size in memory, and one weight more while it is made.
    /// - Throws: what reading a weight throws; `.overLimit` over 2 GiB.
    public func encode() throws(CheckpointError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(try byteCount())
        try write { (piece) throws(CheckpointError) in bytes.append(contentsOf: piece) }
        return bytes
    }

    /// Writes the model to a new file (mode 0600), one weight in memory at a time.
    /// - Throws: as `encode`; `.unreadable` with the failed call when the file cannot be written; it is then removed.
    public func write(toFile path: String) throws(CheckpointError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unreadable(path: path, call: "open", errno: errno) }
        defer { close(descriptor) }
        do {
            try write { (piece) throws(CheckpointError) in
                guard writeAll(piece, to: descriptor) else {
                    throw .unreadable(path: path, call: "write", errno: errno)
                }
            }
        } catch {
            unlink(path)
            throw error
        }
    }

    private func byteCount() throws(CheckpointError) -> Int {
        let headers = initialiserHeaders()
        let weights = zip(headers, graph.initialisers).reduce(0) { $0 + $1.0.count + 4 * $1.1.elementCount }
        let total = modelStart(graphByteCount: 0).count + 10 + graphStart().count + weights
        guard total <= Self.byteCountMax else { throw .overLimit("byteCountMax") }
        return total
    }

    private func write(
        _ sink: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        _ = try byteCount()
        let start = graphStart()
        let headers = initialiserHeaders()
        let weights = zip(headers, graph.initialisers).reduce(0) { $0 + $1.0.count + 4 * $1.1.elementCount }
        try emit(modelStart(graphByteCount: start.count + weights), sink)
        try emit(start, sink)
        for (header, initialiser) in zip(headers, graph.initialisers) {
            let numbers = try initialiser.numbers()
            precondition(numbers.count == initialiser.elementCount, "weight \(initialiser.name) has another size")
            try emit(header, sink)
            try emit(numbers, sink)
        }
    }

    /// ONNX raw data is little-endian, as are the machines that Cadenza is built for.
    private func emit<Element: BitwiseCopyable>(
        _ elements: [Element], _ sink: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let result: Result<Void, CheckpointError> = elements.withUnsafeBytes { buffer in
            do throws(CheckpointError) {
                try sink(buffer)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    // MARK: - Messages (field numbers of onnx.proto)

    private func modelStart(graphByteCount: Int) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.integer(ONNXGraphBuilder.irVersion, field: 1)
        writer.text("cadenza", field: 2)
        writer.message(field: 8) { $0.integer(ONNXGraphBuilder.opset, field: 2) }
        writer.length(graphByteCount, field: 7)
        return writer.bytes
    }

    private func graphStart() -> [UInt8] {
        var writer = ProtobufWriter()
        for node in graph.nodes { writer.message(field: 1) { Self.write(node, to: &$0) } }
        writer.text(graph.name, field: 2)
        for port in graph.inputs { writer.message(field: 11) { Self.write(port, to: &$0) } }
        for port in graph.outputs { writer.message(field: 12) { Self.write(port, to: &$0) } }
        return writer.bytes
    }

    /// Everything of each `TensorProto` up to its raw data, with the key and length that put it into the graph.
    private func initialiserHeaders() -> [[UInt8]] {
        graph.initialisers.map { initialiser in
            var tensor = ProtobufWriter()
            tensor.packed(initialiser.shape.map(Int64.init), field: 1)
            tensor.integer(Self.floatType, field: 2)
            tensor.text(initialiser.name, field: 8)
            tensor.length(4 * initialiser.elementCount, field: 9)
            var writer = ProtobufWriter()
            writer.length(tensor.bytes.count + 4 * initialiser.elementCount, field: 5)
            return writer.bytes + tensor.bytes
        }
    }

    private static func write(_ node: ONNXNode, to writer: inout ProtobufWriter) {
        for input in node.inputs { writer.text(input, field: 1) }
        writer.text(node.name, field: 2)
        writer.text(node.name, field: 3)
        writer.text(node.operation, field: 4)
        for attribute in node.attributes {
            writer.message(field: 5) { write(attribute, to: &$0) }
        }
    }

    private static func write(_ attribute: ONNXAttribute, to writer: inout ProtobufWriter) {
        switch attribute {
        case .float(let name, let value):
            writer.text(name, field: 1)
            writer.float(value, field: 2)
            writer.integer(1, field: 20)
        case .integer(let name, let value):
            writer.text(name, field: 1)
            writer.integer(Int64(value), field: 3)
            writer.integer(2, field: 20)
        case .text(let name, let value):
            writer.text(name, field: 1)
            writer.text(value, field: 4)
            writer.integer(3, field: 20)
        case .integers(let name, let values):
            writer.text(name, field: 1)
            // Unpacked, as onnx.proto (proto2 rules) declares it.
            for value in values { writer.integer(Int64(value), field: 8) }
            writer.integer(7, field: 20)
        }
    }

    private static func write(_ port: ONNXPort, to writer: inout ProtobufWriter) {
        writer.text(port.name, field: 1)
        writer.message(field: 2) { type in
            type.message(field: 1) { tensor in
                tensor.integer(floatType, field: 1)
                tensor.message(field: 2) { shape in
                    for dimension in port.shape {
                        shape.message(field: 1) { axis in
                            switch dimension {
                            case .fixed(let length): axis.integer(Int64(length), field: 1)
                            case .named(let name): axis.text(name, field: 2)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Writes everything, however often write(2) stops early. - Returns: false with errno set.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written < 0 {
            if errno == EINTR { continue }
            return false
        }
        rest = rest.dropFirst(written)
    }
    return true
}
