internal import Core
internal import Kernels
public import Models
internal import Synchronization

extension ModelCache {
    /// A cache over the installed models.
    ///
    /// - Parameters:
    ///   - catalogue: says which models there are and what they are made of.
    ///   - store: where they are installed, the ONNX Runtime library included.
    public convenience init(
        catalogue: ModelCatalogue, store: ModelStore, memoryBytesMax: Int = memoryBytesMaxDefault
    ) {
        let loader = ModelLoader(catalogue: catalogue, store: store)
        self.init(memoryBytesMax: memoryBytesMax) { (id) throws(EngineError) in try loader.load(id) }
    }
}

/// Reads installed models into memory.
private final class ModelLoader: Sendable {
    static let service = "separation"
    /// Weights take about this many times their bytes in the file once they are prepared for this processor.
    static let memoryPerFileByte = 1.5

    private let catalogue: ModelCatalogue
    private let store: ModelStore
    private let runtime = Mutex<ONNXRuntime?>(nil)

    init(catalogue: ModelCatalogue, store: ModelStore) {
        self.catalogue = catalogue
        self.store = store
    }

    func load(_ id: String) throws(EngineError) -> SeparationModel {
        let known = catalogue.entries.filter { $0.service == Self.service }
        guard let entry = known.first(where: { $0.id == id }) else {
            throw .unknownModel(id: id, known: known.map(\.id))
        }
        guard entry.architecture == "spleeter-unet" else {
            throw .modelUnusable(id: id, cause: "no engine for \(entry.architecture ?? "this architecture")")
        }
        let runtime = try loadedRuntime(for: id)
        let files = entry.files(for: ModelStore.currentMachine)
        guard files.count == entry.stems.count, !files.isEmpty else {
            throw .modelUnusable(id: id, cause: "\(entry.stems.count) stems, \(files.count) networks")
        }
        var networks: [any StemNetwork] = []
        for file in files {
            let path = try self.path(of: file, in: entry, for: id)
            networks.append(try SpleeterNetwork(checkpoint: path, model: id, runtime: runtime))
        }
        let overlap = entry.parameters.first { $0.name == "overlap" }?.value.double ?? 0
        guard SeparationOptions.overlapRange.contains(overlap) else {
            throw .modelUnusable(id: id, cause: "overlap \(overlap)")
        }
        let bytes = Double(files.reduce(0) { $0 + $1.byteCount }) * Self.memoryPerFileByte
        return SeparationModel(
            id: id, stems: entry.stems, networks: networks, segmentFrames: SpleeterUNet.framesPerSegment,
            knownBins: SpleeterUNet.binCount, overlap: overlap, byteCount: Int(bytes))
    }

    /// - Parameter model: what was asked for: installing it brings the run-time library along.
    private func path(
        of file: ModelFile, in entry: ModelEntry, for model: String
    ) throws(EngineError) -> String {
        do throws(ModelStoreError) {
            return try store.path(of: file.name, in: entry)
        } catch .notInstalled {
            throw .modelNotInstalled(id: entry.id, install: "cadenza models install \(model)")
        } catch {
            throw .modelUnusable(id: entry.id, cause: "\(error)")
        }
    }

    private func loadedRuntime(for model: String) throws(EngineError) -> ONNXRuntime {
        try runtime.withLock { (loaded) throws(EngineError) in
            if let runtime = loaded { return runtime }
            guard let entry = catalogue.entries.first(where: { $0.kind == .runtime }),
                let library = entry.files(for: ModelStore.currentMachine).first
            else { throw .modelUnusable(id: "onnxruntime", cause: "the catalogue has no run-time library") }
            let path = try self.path(of: library, in: entry, for: model)
            do throws(KernelError) {
                let runtime = try ONNXRuntime(path: path)
                loaded = runtime
                return runtime
            } catch {
                throw .modelUnusable(id: entry.id, cause: "\(error)")
            }
        }
    }
}
