/// Writes the few protobuf messages that a tiny ONNX model needs (onnx.proto, IR version 8, opset 13).
struct ONNXModel {
    enum Element: UInt64 { case float32 = 1, int64 = 7 }

    struct Attribute {
        var name: String
        var tensor: [UInt8]
    }

    private var graph: [UInt8] = []

    mutating func node(_ op: String, _ inputs: [String], _ outputs: [String], attributes: [Attribute] = []) {
        var node: [UInt8] = []
        for name in inputs { node += Self.field(1, Array(name.utf8)) }
        for name in outputs { node += Self.field(2, Array(name.utf8)) }
        node += Self.field(4, Array(op.utf8))
        for attribute in attributes {
            let tensorKind: UInt64 = 4
            node += Self.field(
                5,
                Self.field(1, Array(attribute.name.utf8)) + Self.field(5, attribute.tensor)
                    + Self.number(20, tensorKind))
        }
        graph += Self.field(1, node)
    }

    /// A nil size is left open.
    mutating func input(_ name: String, _ shape: [Int?], _ type: Element = .float32) {
        graph += Self.field(11, Self.value(name, shape, type))
    }

    mutating func output(_ name: String, _ shape: [Int?], _ type: Element = .float32) {
        graph += Self.field(12, Self.value(name, shape, type))
    }

    mutating func constant(_ name: String, _ shape: [Int], _ values: [Float]) {
        graph += Self.field(5, Self.tensor(name, shape, values))
    }

    var bytes: [UInt8] {
        let opset = Self.number(2, 13)
        return Self.number(1, 8) + Self.field(8, opset) + Self.field(7, Self.field(2, Array("test".utf8)) + graph)
    }

    static func tensor(_ name: String, _ shape: [Int], _ values: [Float]) -> [UInt8] {
        let raw = values.flatMap { value in
            withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
        }
        return shape.flatMap { number(1, UInt64($0)) } + number(2, Element.float32.rawValue)
            + field(8, Array(name.utf8)) + field(9, raw)
    }

    private static func value(_ name: String, _ shape: [Int?], _ type: Element) -> [UInt8] {
        let dimensions = shape.flatMap { size in
            field(1, size.map { number(1, UInt64($0)) } ?? field(2, Array("n".utf8)))
        }
        let tensorType = number(1, type.rawValue) + field(2, dimensions)
        return field(1, Array(name.utf8)) + field(2, field(1, tensorType))
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest > 127 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func number(_ field: UInt64, _ value: UInt64) -> [UInt8] { varint(field << 3) + varint(value) }

    private static func field(_ field: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        varint(field << 3 | 2) + varint(UInt64(bytes.count)) + bytes
    }
}
