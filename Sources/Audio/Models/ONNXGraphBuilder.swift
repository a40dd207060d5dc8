/// An edge of a graph: what a node, an input or a constant gives.
public struct ONNXValue: Sendable, Hashable {
    public let name: String
}

/// The length of an axis: known, or known by name until a run binds it.
public enum ONNXDimension: Sendable, Hashable {
    case fixed(Int)
    case named(String)
}

/// A node's attribute, of the types that the operators here use.
public enum ONNXAttribute: Sendable, Hashable {
    case integer(String, Int)
    case integers(String, [Int])
    case float(String, Float)
    case text(String, String)
}

/// Puts an ONNX graph together (IR version 8, opset 17): float32 throughout, weights fetched only when written.
///
/// Names are the caller's and unique; a second use of one is a programmer's error.
public struct ONNXGraphBuilder: Sendable {
    public static let irVersion: Int64 = 8
    public static let opset: Int64 = 17

    let name: String
    private(set) var nodes: [ONNXNode] = []
    private(set) var initialisers: [ONNXInitialiser] = []
    private(set) var inputs: [ONNXPort] = []
    private(set) var outputs: [ONNXPort] = []
    private var names: Set<String> = []

    public init(name: String) { self.name = name }

    public mutating func input(_ name: String, shape: [ONNXDimension]) -> ONNXValue {
        let value = claim(name)
        inputs.append(ONNXPort(name: name, shape: shape))
        return value
    }

    /// A weight of `shape`; `numbers` is called at each writing and gives the product of `shape` floats, row-major.
    public mutating func weight(
        _ name: String, shape: [Int], numbers: @escaping @Sendable () throws(CheckpointError) -> [Float]
    ) -> ONNXValue {
        initialisers.append(ONNXInitialiser(name: name, shape: shape, numbers: numbers))
        return claim(name)
    }

    /// A node with one output, which takes the node's name.
    public mutating func node(
        _ name: String, _ operation: String, _ inputs: [ONNXValue], _ attributes: [ONNXAttribute] = []
    ) -> ONNXValue {
        nodes.append(
            ONNXNode(name: name, operation: operation, inputs: inputs.map(\.name), attributes: attributes))
        return claim(name)
    }

    public mutating func output(_ value: ONNXValue, shape: [ONNXDimension]) {
        precondition(names.contains(value.name), "\(value.name) is of another graph")
        outputs.append(ONNXPort(name: value.name, shape: shape))
    }

    public func model() -> ONNXModel { ONNXModel(graph: self) }

    private mutating func claim(_ name: String) -> ONNXValue {
        precondition(names.insert(name).inserted, "\(name) is taken")
        return ONNXValue(name: name)
    }
}

struct ONNXPort: Sendable {
    var name: String
    var shape: [ONNXDimension]
}

struct ONNXNode: Sendable {
    var name: String
    var operation: String
    var inputs: [String]
    var attributes: [ONNXAttribute]
}

struct ONNXInitialiser: Sendable {
    var name: String
    var shape: [Int]
    var numbers: @Sendable () throws(CheckpointError) -> [Float]

    var elementCount: Int { shape.reduce(1, *) }
}
