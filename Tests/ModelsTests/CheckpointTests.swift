import Models
import Support
import Testing

/// Files made by Tests/Peers/checkpoint_fixtures.py with PyTorch and numpy: element i is i / 2 − 3.
@Suite struct CheckpointTests {
    private func fixture(_ name: String) throws -> Checkpoint {
        try Checkpoint(readingFile: "\(Repository.root)/Tests/Fixtures/models/\(name)")
    }

    private func ramp(_ range: Range<Int>) -> [Float] { range.map { Float($0) / 2 - 3 } }

    @Test func `a file that PyTorch saved reads back`() throws {
        let tensors = try fixture("torch_small.checkpoint").tensors
        #expect(
            Set(tensors.keys)
                == Set(
                    ["weight", "half", "bfloat", "double", "steps", "transposed", "tail", "empty"]
                        .map { "state_dict." + $0 } + ["shared"]))
        func check(_ name: String, _ shape: [Int], _ numbers: [Float]) throws {
            let tensor = try #require(tensors[name])
            #expect(tensor.shape == shape, "\(name)")
            #expect(try tensor.floats() == numbers, "\(name)")
        }
        try check("state_dict.weight", [2, 3, 2], ramp(0..<12))
        try check("state_dict.half", [5], ramp(0..<5))
        try check("state_dict.bfloat", [5], ramp(0..<5))
        try check("state_dict.double", [5], ramp(0..<5))
        try check("state_dict.steps", [], [7])
        try check("state_dict.transposed", [3, 2], ramp(0..<6))
        try check("state_dict.tail", [8], ramp(4..<12))
        try check("state_dict.empty", [0, 3], [])
        try check("shared", [12], ramp(0..<12))
    }

    @Test func `numpy arrays in a pickle read back`() throws {
        let tensors = try fixture("numpy_small.checkpoint").tensors
        #expect(tensors.count == 4)
        #expect(try tensors["row_major"]?.floats() == ramp(0..<6))
        #expect(try tensors["column_major"]?.floats() == ramp(0..<6))
        #expect(tensors["column_major"]?.shape == [2, 3])
        #expect(try tensors["half"]?.floats() == ramp(0..<4))
        #expect(try tensors["bytes"]?.floats() == (0..<256).map { Float($0) })
    }

    @Test func `a safetensors file reads back`() throws {
        let tensors = try fixture("small.tensors").tensors
        #expect(tensors.count == 3)
        #expect(tensors["weight"]?.shape == [2, 3])
        #expect(try tensors["weight"]?.floats() == ramp(0..<6))
        #expect(try tensors["half"]?.floats() == ramp(0..<4))
        #expect(try tensors["bfloat"]?.floats() == ramp(0..<4))
    }

    @Test func `a tensor outlives the checkpoint that it came from`() throws {
        let tensor = try #require(try fixture("torch_small.checkpoint").tensors["shared"])
        #expect(try tensor.floats() == ramp(0..<12))
    }

    @Test func `a missing file and a folder are refused by their reason`() {
        #expect(throws: CheckpointError.unreadable(path: "/nowhere", call: "open", errno: 2)) {
            try Checkpoint(readingFile: "/nowhere")
        }
        #expect(throws: CheckpointError.unsupported("not a regular file")) { try Checkpoint(readingFile: "/tmp") }
    }
}
