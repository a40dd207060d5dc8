internal import Glibc
import Core
import Kernels
internal import Synchronization

/// The library that the ONNX tests run on. A missing one fails them: they never skip.
enum ONNXFixture {
    /// `$CADENZA_ONNXRUNTIME`, else the place where the model catalogue installs it.
    static var libraryPath: String {
        if let path = environment("CADENZA_ONNXRUNTIME") { return path }
        let models =
            environment("CADENZA_MODELS_DIR")
            ?? (environment("XDG_DATA_HOME") ?? (environment("HOME") ?? "") + "/.local/share") + "/cadenza/models"
        return models + "/onnxruntime/libonnxruntime.so"
    }

    /// One for all tests, so that its log is the process's log.
    static let shared: Result<ONNXRuntime, KernelError> = {
        do throws(KernelError) {
            return .success(
                try ONNXRuntime(path: libraryPath, log: { log.append($0, $1) }, logFrom: .verbose))
        } catch {
            return .failure(error)
        }
    }()

    static let log = LogLines()

    static func session(
        _ model: ONNXModel, _ options: ONNXSession.Options = ONNXSession.Options()
    ) throws -> ONNXSession {
        let runtime = try shared.get()
        return try model.bytes.withUnsafeBytes { try ONNXSession(runtime, bytes: $0, options: options) }
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// The last lines of the library's log.
final class LogLines: Sendable {
    private static let linesMax = 5000
    private let lines = Mutex<[String]>([])

    func append(_ severity: ONNXRuntime.Severity, _ line: String) {
        lines.withLock { lines in
            if lines.count < Self.linesMax { lines.append(line) }
        }
    }

    func contains(where predicate: (String) -> Bool) -> Bool { lines.withLock { $0.contains(where: predicate) } }
}

/// Executes over arrays: one output of `count` floats, NaN beforehand.
func execute(
    _ run: ONNXRun, _ inputs: [(name: String, shape: [Int], values: [Float])], output: String, shape: [Int],
    unless flag: CancellationFlag? = nil
) throws -> [Float] {
    let memory = inputs.map { Samples($0.values) }
    defer { withExtendedLifetime(memory) {} }
    let tensors = zip(inputs, memory).map { ONNXTensor($0.name, $0.shape, reading: $1.values) }
    var result = [Float](repeating: .nan, count: shape.reduce(1, *))
    try result.withUnsafeMutableBufferPointer { result in
        try run.execute(inputs: tensors, outputs: [ONNXTensor(output, shape, writing: result)], unless: flag)
    }
    return result
}
