/// Writes pickles by hand, instruction by instruction (names as in Python's `pickletools`).
struct PickleBytes {
    private(set) var bytes: [UInt8] = [0x80, 2]

    static func make(_ body: (inout PickleBytes) -> Void) -> [UInt8] {
        var pickle = PickleBytes()
        body(&pickle)
        return pickle.bytes + [UInt8(ascii: ".")]
    }

    /// A state dict of one float32 tensor `t` in storage 0, with the numbers that `_rebuild_tensor_v2` gets.
    static func tensor(offset: Int, shape: [Int], strides: [Int], elementCount: Int) -> [UInt8] {
        make { pickle in
            pickle.op("}(")
            pickle.text("t")
            pickle.global("torch._utils", "_rebuild_tensor_v2")
            pickle.op("(")
            pickle.storage(key: "0", elementCount: elementCount)
            pickle.integer(offset)
            pickle.tuple(shape)
            pickle.tuple(strides)
            pickle.opcode(0x89)
            pickle.op("}tRu")
        }
    }

    mutating func op(_ codes: String) { bytes += Array(codes.utf8) }
    mutating func opcode(_ code: UInt8) { bytes.append(code) }
    mutating func raw(_ more: [UInt8]) { bytes += more }

    mutating func text(_ text: String) {
        bytes += [UInt8(ascii: "X")] + ZipBytes.little(text.utf8.count, 4) + Array(text.utf8)
    }

    mutating func integer(_ value: Int) { bytes += [0x8A, 8] + ZipBytes.little(value, 8) }

    mutating func tuple(_ values: [Int]) {
        op("(")
        for value in values { integer(value) }
        op("t")
    }

    mutating func global(_ module: String, _ name: String) { op("c\(module)\n\(name)\n") }

    mutating func storage(key: String, elementCount: Int, type: String = "FloatStorage") {
        op("(")
        text("storage")
        global("torch", type)
        text(key)
        text("cpu")
        integer(elementCount)
        op("tQ")
    }
}

extension ZipBytes {
    /// A PyTorch file around a pickle, with one storage of 8 floats 0, 1, … 7.
    static func checkpoint(_ pickle: [UInt8], extra: [Item] = []) -> [UInt8] {
        let numbers = (0..<8).flatMap { little(Int(Float($0).bitPattern), 4) }
        let items = [
            Item("a/data.pkl", pickle), Item("a/byteorder", Array("little".utf8)), Item("a/data/0", numbers),
        ]
        return ZipBytes(items + extra).bytes
    }
}
