/// The tensors of a checkpoint, checked against the names and shapes that an architecture has.
struct StateDictionary: Sendable {
    private let tensors: [String: TensorView]

    /// - Throws: `.doesNotFit` with every difference.
    init(checkpoint: Checkpoint, shapes: [String: [Int]]) throws(CheckpointError) {
        let found = checkpoint.tensors
        let missing = shapes.keys.filter { found[$0] == nil }.sorted()
        let unexpected = found.keys.filter { shapes[$0] == nil }.sorted()
        let misshapen = shapes.compactMap { name, shape -> String? in
            guard let tensor = found[name], tensor.shape != shape else { return nil }
            return "\(name): \(tensor.shape), not \(shape)"
        }.sorted()
        guard missing.isEmpty, unexpected.isEmpty, misshapen.isEmpty else {
            throw .doesNotFit(missing: missing, unexpected: unexpected, misshapen: misshapen)
        }
        tensors = found
    }

    func shape(of name: String) -> [Int] { tensor(name).shape }

    func floats(_ name: String) throws(CheckpointError) -> [Float] { try tensor(name).floats() }

    private func tensor(_ name: String) -> TensorView {
        guard let tensor = tensors[name] else { preconditionFailure("\(name) is not of this architecture") }
        return tensor
    }
}
