/// The zip layout of `torch.save` since 1.6: `<root>/data.pkl`, `<root>/data/<key>` a storage, `<root>/byteorder`.
enum TorchZip {
    static func tensors(
        in file: MappedFile, limits: CheckpointLimits
    ) throws(CheckpointError) -> [String: TensorView] {
        let archive = try archive(in: file, limits: limits)
        let pickles = archive.entries.indices.filter { archive.entries[$0].name.hasSuffix("/data.pkl") }
        guard pickles.count == 1, let pickle = pickles.first else {
            throw .malformed(what: "\(pickles.count) entries named data.pkl", offset: 0)
        }
        let root = String(archive.entries[pickle].name.dropLast("data.pkl".count))
        if let order = archive.index(of: root + "byteorder") {
            let content = file.bytes[try stored(order, of: archive)]
            guard content.elementsEqual("little".utf8) else { throw .unsupported("numbers that are not little-endian") }
        }
        func storage(
            _ type: TensorElementType, _ key: String, _ elementCount: Int
        ) throws(CheckpointError) -> PickleStorage {
            guard let index = archive.index(of: root + "data/" + key) else {
                throw .malformed(what: "no storage \(key)", offset: 0)
            }
            let range = try stored(index, of: archive)
            guard elementCount <= range.count / type.byteCount else { throw .tensorOutOfRange("storage \(key)") }
            let end = range.lowerBound + elementCount * type.byteCount
            return PickleStorage(type: type, elementCount: elementCount, bytes: range.lowerBound..<end)
        }
        var machine = PickleMachine(
            bytes: file.bytes, range: try stored(pickle, of: archive), limits: limits, storage: storage)
        let top = try machine.run()
        var collector = TensorCollector(file: file, machine: machine)
        try collector.collect(top, name: "")
        return collector.tensors
    }

    private static func archive(in file: MappedFile, limits: CheckpointLimits) throws(CheckpointError) -> ZipArchive {
        do {
            return try ZipArchive(file.bytes, entriesMax: limits.zipEntriesMax, nameBytesMax: limits.nameBytesMax)
        } catch {
            switch error {
            case .malformed(let what, let offset): throw .malformed(what: what, offset: offset)
            case .tooManyEntries: throw .overLimit("zipEntriesMax")
            case .unsupported(let what): throw .unsupported(what)
            }
        }
    }

    /// `torch.save` compresses nothing, so that storages can be mapped; a compressed entry is someone else's.
    private static func stored(_ index: Int, of archive: ZipArchive) throws(CheckpointError) -> Range<Int> {
        guard archive.entries[index].method == 0 else { throw .unsupported("a compressed entry") }
        return archive.contents[index]
    }
}

/// Finds the tensors in what a pickle built.
private struct TensorCollector {
    let file: MappedFile
    let machine: PickleMachine
    var tensors: [String: TensorView] = [:]
    /// A dictionary can be reached over many ways: the walk, not the data, has to be bounded.
    private var visited = 0

    init(file: MappedFile, machine: PickleMachine) {
        self.file = file
        self.machine = machine
    }

    /// Recursion is bounded by the machine's `nestingMax`.
    mutating func collect(_ value: PickleValue, name: String) throws(CheckpointError) {
        visited += 1
        guard visited <= machine.limits.containerElementsMax else { throw .overLimit("containerElementsMax") }
        switch value {
        case .dictionary(let dictionary):
            for (key, value) in dictionary.members {
                guard case .text = key else { continue }
                let inner = try machine.text(key)
                try collect(value, name: name.isEmpty ? inner : name + "." + inner)
            }
        case .tensor(let tensor):
            try add(
                name, type: tensor.storage.type, payload: .raw(tensor.storage.bytes), offset: tensor.offset,
                shape: tensor.shape, strides: tensor.strides)
        case .array(let array):
            guard let state = array.state else { throw .malformed(what: "array \(name) has no state", offset: 0) }
            try add(
                name, type: state.type, payload: state.payload, offset: 0, shape: state.shape, strides: state.strides)
        default: break
        }
    }

    private mutating func add(
        _ name: String, type: TensorElementType, payload: TensorPayload, offset: Int, shape: [Int], strides: [Int]
    ) throws(CheckpointError) {
        let limits = machine.limits
        let view = try TensorView(
            name: name, file: file, type: type, payload: payload, offset: offset, shape: shape, strides: strides,
            elementCountMax: limits.tensorElementsMax)
        guard tensors.updateValue(view, forKey: name) == nil else {
            throw .malformed(what: "two tensors named \(name)", offset: 0)
        }
        guard tensors.count <= limits.tensorsMax else { throw .overLimit("tensorsMax") }
    }
}
