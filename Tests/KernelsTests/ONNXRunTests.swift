import CKernels
import Core
internal import Glibc
import Kernels
import Testing

@Suite(.serialized) struct ONNXRunTests {
    /// y = x · x · … , so long that only a cancel ends it in time: `count` products of size × size.
    static func chain(size: Int, count: Int) -> ONNXModel {
        var model = ONNXModel()
        model.input("x", [size, size])
        model.output("y\(count)", [size, size])
        for index in 1...count { model.node("MatMul", [index == 1 ? "x" : "y\(index - 1)", "x"], ["y\(index)"]) }
        return model
    }

    @Test func `a matrix product is exact`() throws {
        var model = ONNXModel()
        model.input("a", [2, 3])
        model.output("c", [2, 2])
        model.constant("b", [3, 2], [1, 2, 3, 4, 5, 6])
        model.node("MatMul", ["a", "b"], ["c"])
        let run = try ONNXRun(ONNXFixture.session(model))
        let result = try execute(run, [("a", [2, 3], [1, 0, 2, 0, 1, -1])], output: "c", shape: [2, 2])
        #expect(result == [11, 14, -2, -2])
    }

    @Test func `int64 tensors and open sizes work`() throws {
        var model = ONNXModel()
        model.input("a", [nil], .int64)
        model.input("b", [nil], .int64)
        model.output("c", [nil], .int64)
        model.node("Add", ["a", "b"], ["c"])
        let run = try ONNXRun(ONNXFixture.session(model))
        for count in [1, 3, 0] {
            let a = (0..<count).map { Int64($0) + (1 << 40) }
            var sum = [Int64](repeating: -1, count: count)
            try a.withUnsafeBufferPointer { a in
                try sum.withUnsafeMutableBufferPointer { sum in
                    try run.execute(
                        inputs: [ONNXTensor("a", [count], reading: a), ONNXTensor("b", [count], reading: a)],
                        outputs: [ONNXTensor("c", [count], writing: sum)])
                }
            }
            #expect(sum == a.map { $0 * 2 })
        }
    }

    @Test func `an input or constant passed through still fills the caller's output`() throws {
        var model = ONNXModel()
        model.input("a", [3])
        model.output("b", [3])
        model.output("c", [2])
        model.constant("k", [2], [8, 9])
        model.node("Identity", ["a"], ["b"])
        model.node("Identity", ["k"], ["c"])
        let run = try ONNXRun(ONNXFixture.session(model))
        #expect(try execute(run, [("a", [3], [1, 2, 3])], output: "b", shape: [3]) == [1, 2, 3])
        #expect(try execute(run, [("a", [3], [1, 2, 3])], output: "c", shape: [2]) == [8, 9])
    }

    @Test func `a wrong name, shape or output size is refused, and the session lives on`() throws {
        let session = try ONNXFixture.session(ONNXSessionTests.add)
        let run = try ONNXRun(session)
        let six: [Float] = [1, 2, 3, 4, 5, 6]
        let wrong: [([(String, [Int], [Float])], String, [Int])] = [
            ([("left", [2, 3], six), ("wrong", [2, 3], six)], "sum", [2, 3]),
            ([("left", [2, 3], six)], "sum", [2, 3]),
            ([("left", [3, 2], six), ("right", [3, 2], six)], "sum", [2, 3]),
            ([("left", [2, 3], six), ("right", [2, 3], six)], "total", [2, 3]),
            ([("left", [2, 3], six), ("right", [2, 3], six)], "sum", [7]),
        ]
        for (inputs, output, shape) in wrong {
            var reason = ""
            do {
                _ = try execute(
                    run, inputs.map { (name: $0.0, shape: $0.1, values: $0.2) }, output: output, shape: shape)
            } catch KernelError.runtime(let text) { reason = text }
            #expect(!reason.isEmpty, "\(inputs.map(\.0)) → \(output) \(shape)")
        }
        let sum = try execute(
            run, [("left", [2, 3], six), ("right", [2, 3], six)], output: "sum", shape: [2, 3])
        #expect(sum == six.map { $0 * 2 })
    }

    @Test func `memory that cannot be had is out of memory`() throws {
        var model = ONNXModel()
        model.input("shape", [1], .int64)
        model.output("size", [1])
        model.node(
            "ConstantOfShape", ["shape"], ["filled"],
            attributes: [.init(name: "value", tensor: ONNXModel.tensor("", [1], [1]))])
        model.node("ReduceSum", ["filled"], ["size"])
        let run = try ONNXRun(ONNXFixture.session(model))
        let petabyte: [Int64] = [1 << 48]
        var size: [Float] = [0]
        #expect(throws: KernelError.outOfMemory) {
            try petabyte.withUnsafeBufferPointer { shape in
                try size.withUnsafeMutableBufferPointer { size in
                    try run.execute(
                        inputs: [ONNXTensor("shape", [1], reading: shape)],
                        outputs: [ONNXTensor("size", [1], writing: size)])
                }
            }
        }
    }

    @Test func `bytes that contradict a shape are refused`() throws {
        let session = try OpaqueSession(ONNXSessionTests.add)
        var values: [Float] = [1, 2, 3, 4, 5, 6]
        for (shape, bytes) in [([2, 3], 20), ([2, 4], 24), ([-2, -3], 24), ([1 << 40, 1 << 40], 24)] as [([Int64], Int)]
        {
            let status = values.withUnsafeMutableBytes { memory in
                "sum".withCString { name in
                    shape.withUnsafeBufferPointer { shape in
                        var tensor = ak_onnx_tensor(
                            name: name, type: AK_ONNX_FLOAT32, shape: shape.baseAddress, rank: 2,
                            data: memory.baseAddress, byte_count: bytes)
                        return ak_onnx_run_execute(session.run, &tensor, 1, &tensor, 1, nil, nil, nil)
                    }
                }
            }
            #expect(status == AK_ERROR_INVALID_ARGUMENT, "\(shape)")
        }
    }

    @Test func `two threads share a session`() async throws {
        let session = try ONNXFixture.session(Self.chain(size: 16, count: 20))
        let values = Noise.samples(256, seed: 50).map { $0 / 4 }
        let expected = try execute(ONNXRun(session), [("x", [16, 16], values)], output: "y20", shape: [16, 16])
        try await withThrowingTaskGroup(of: [Float].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let run = try ONNXRun(session)
                    var last: [Float] = []
                    for _ in 0..<50 {
                        last = try execute(run, [("x", [16, 16], values)], output: "y20", shape: [16, 16])
                    }
                    return last
                }
            }
            for try await result in group { #expect(result == expected) }
        }
    }

    @Test func `repeated runs leave memory where it was`() throws {
        let run = try ONNXRun(ONNXFixture.session(Self.chain(size: 512, count: 2)))
        let values = Noise.samples(512 * 512, seed: 51).map { $0 / 32 }
        // A leak of one 1 MiB tensor a run would show as 20 MiB in every round; other tests' memory does not.
        var leastGrowth = Int.max
        for _ in 0..<6 {
            let before = try residentBytes()
            for _ in 0..<20 { _ = try execute(run, [("x", [512, 512], values)], output: "y2", shape: [512, 512]) }
            leastGrowth = min(leastGrowth, try residentBytes() - before)
        }
        #expect(leastGrowth < 8 << 20)
    }
}

/// The process's anonymous resident memory.
func residentBytes() throws -> Int {
    let file = try #require(fopen("/proc/self/status", "r"))
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 256)
    while fgets(&buffer, 256, file) != nil {
        let line = buffer.prefix { $0 != 0 }.map { Character(UnicodeScalar(UInt8(bitPattern: $0))) }
        guard line.starts(with: "RssAnon:") else { continue }
        return try #require(Int(String(line.filter(\.isNumber)))) * 1024
    }
    throw KernelError.notFound("RssAnon")
}
