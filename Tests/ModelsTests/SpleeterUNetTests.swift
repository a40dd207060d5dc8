import Core
import Glibc
import Kernels
import Models
import Support
import Testing

/// Against PyTorch, by the golden values of Tests/Peers/spleeter_parity.py: same weights, same seeded input.
@Suite struct SpleeterUNetTests {
    private static let tolerance: Float = 1e-4
    private let store: ModelStore
    private let spleeter: ModelEntry
    private let runtime: ModelEntry

    init() throws {
        var environment: [String: String] = [:]
        for name in ["CADENZA_MODELS_DIR", "XDG_DATA_HOME", "HOME"] {
            environment[name] = getenv(name).map { String(cString: $0) }
        }
        store = ModelStore(directory: ModelStore.defaultDirectory(environment: environment))
        let catalogue = try ModelCatalogue.embedded()
        spleeter = try #require(catalogue["spleeter-2stems"])
        runtime = try #require(catalogue["onnxruntime"])
    }

    /// Knuth's MMIX generator, as in the golden values' script.
    private struct Generator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }

        mutating func unit() -> Double { Double(next() >> 40) / Double(1 << 24) }
        mutating func below(_ count: Int) -> Int { Int((next() >> 33) % UInt64(count)) }
    }

    @Test(arguments: [0, 1])
    func `every layer agrees with PyTorch within 1e-4 of its largest value`(network: Int) throws {
        let text = try #require(Repository.text("Tests/Fixtures/models/spleeter_parity.json"))
        let golden = try JSONParser.parse(Array(text.utf8))
        let seed = UInt64(try #require(golden["seed"]?.integer))
        let shape = try #require(golden["shape"]?.array?.compactMap { $0.integer.map { Int($0) } })
        let stem = try #require(golden["networks"]?.array?[network])
        #expect(stem["stem"]?.string == spleeter.stems[network])
        var generator = Generator(state: seed)
        let input = (0..<shape.reduce(1, *)).map { _ in
            let unit = generator.unit()
            return Float(8 * unit * unit)
        }
        let layers = try #require(stem["layers"]?.array)
        let names = try layers.map { try #require($0["name"]?.string) }
        #expect(names == SpleeterUNet.layerNames + [SpleeterUNet.outputName])
        let counts = try layers.map { Int(try #require($0["count"]?.integer)) }
        let values = try run(network, input, shape, outputs: Dictionary(uniqueKeysWithValues: zip(names, counts)))
        for (index, layer) in layers.enumerated() {
            let samples = try #require(layer["samples"]?.array).map { Float(try #require($0.double)) }
            let maximum = Float(try #require(layer["maximum"]?.double))
            let found = try #require(values[names[index]])
            var generator = Generator(state: seed + UInt64(index))
            let differences = samples.map { abs(found[generator.below(counts[index])] - $0) }
            #expect(
                differences.count == 48 && differences.allSatisfy { $0 <= Self.tolerance * maximum },
                "\(names[index]): \(differences) of \(maximum)")
        }
    }

    /// Runs the network with each layer shown. - Returns: the values of each output, by name.
    private func run(
        _ network: Int, _ input: [Float], _ shape: [Int], outputs: [String: Int]
    ) throws -> [String: [Float]] {
        let file = spleeter.files(for: ModelStore.currentMachine)[network].name
        let checkpoint = try Checkpoint(readingFile: try store.path(of: file, in: spleeter))
        let model = try SpleeterUNet(checkpoint: checkpoint).model(outputsPerLayer: true).encode()
        let library = try ONNXRuntime(path: try store.path(of: "libonnxruntime.so", in: runtime))
        let session = try model.withUnsafeBytes { try ONNXSession(library, bytes: $0) }
        var buffers: [String: UnsafeMutableBufferPointer<Float>] = [:]
        for (name, count) in outputs {
            buffers[name] = .allocate(capacity: count)
            buffers[name]?.initialize(repeating: .nan)
        }
        defer { for buffer in buffers.values { buffer.deallocate() } }
        try input.withUnsafeBufferPointer { numbers in
            try ONNXRun(session).execute(
                inputs: [ONNXTensor(SpleeterUNet.inputName, shape, reading: numbers)],
                outputs: buffers.map { name, buffer in
                    ONNXTensor(name, Self.shape(of: name, input: shape), writing: buffer)
                })
        }
        return buffers.mapValues { Array($0) }
    }

    /// A layer's shape: its channels, and frames and bins halved with each level of the encoder.
    private static func shape(of name: String, input: [Int]) -> [Int] {
        if name == SpleeterUNet.outputName || name == "up7" { return input }
        let level = Int(String(name.drop { !$0.isNumber }.prefix(1))) ?? 0
        let isDecoder = name.hasPrefix("up")
        let channels = isDecoder ? [256, 128, 64, 32, 16, 1][level - 1] : 8 << level
        let halvings = isDecoder ? 6 - level : level
        return [input[0], channels, input[2] >> halvings, input[3] >> halvings]
    }

    @Test func `a model written to a file is the encoded one`() throws {
        let checkpoint = try Checkpoint(readingFile: try store.path(of: "vocals.ckpt", in: spleeter))
        let model = try SpleeterUNet(checkpoint: checkpoint).model()
        let folder = try TemporaryFolder()
        try model.write(toFile: folder.path + "/model.onnx")
        let encoded = try model.encode()
        let written = try folder.read("model.onnx")
        #expect(encoded == written && encoded.count > 39_000_000)
        #expect(throws: CheckpointError.self) { try model.write(toFile: folder.path + "/model.onnx") }
    }

    @Test func `a checkpoint of another network is refused by name`() throws {
        let path = Repository.root + "/Tests/Fixtures/models/numpy_small.checkpoint"
        let error = try #require(throws: CheckpointError.self) {
            try SpleeterUNet(checkpoint: try Checkpoint(readingFile: path))
        }
        guard case .doesNotFit(let missing, let unexpected, _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(missing.count == 74 && missing.contains("up6.3.running_var"))
        #expect(unexpected == ["bytes", "column_major", "half", "row_major"])
    }
}
