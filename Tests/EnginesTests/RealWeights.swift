import Core
import Engines
import Glibc
import Models
import Support

/// The installed default model, loaded once for all tests.
///
/// Without it the tests fail with the command that installs it: `cadenza models install spleeter-2stems`.
enum RealWeights {
    private static let cache: ModelCache? = {
        var environment: [String: String] = [:]
        for name in ["CADENZA_MODELS_DIR", "XDG_DATA_HOME", "HOME"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        guard let catalogue = try? ModelCatalogue.embedded() else { return nil }
        let store = ModelStore(directory: ModelStore.defaultDirectory(environment: environment))
        return ModelCache(catalogue: catalogue, store: store)
    }()

    static func engine() throws -> SeparationEngine {
        guard let cache else { throw EngineError.computation(cause: "the embedded catalogue does not parse") }
        _ = try cache.model(SeparationOptions().model)
        return SeparationEngine(models: cache, niceness: 0)
    }
}

/// Audio that `make fixtures` makes: `$CADENZA_FIXTURES`, else `.build/fixtures`.
enum Fixtures {
    struct Missing: Error, CustomStringConvertible {
        let path: String
        var description: String { "\(path) is missing; run: make fixtures" }
    }

    /// The planes of a stereo wav file of 32-bit floats.
    static func planes(_ name: String) throws -> [[Float]] {
        let root = getenv("CADENZA_FIXTURES").map { String(cString: $0) } ?? Repository.root + "/.build/fixtures"
        let path = "\(root)/\(name)"
        guard let file = fopen(path, "rb") else { throw Missing(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        let marker = Array("data".utf8)
        guard let start = bytes.indices.dropLast(8).first(where: { bytes[$0..<$0 + 4].elementsEqual(marker) })
        else { throw Missing(path: path) }
        let samples = bytes[(start + 8)...].withUnsafeBytes { raw in
            (0..<raw.count / 4).map {
                Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
        return (0..<2).map { channel in stride(from: channel, to: samples.count, by: 2).map { samples[$0] } }
    }
}
