internal import Core

/// The models that can be installed, from `config/models.json`.
public struct ModelCatalogue: Sendable {
    public let entries: [ModelEntry]

    /// The catalogue that was built in.
    public static func embedded() throws(ModelCatalogueError) -> ModelCatalogue {
        try ModelCatalogue(parsing: PackageResources.models_json)
    }

    /// - Throws: `ModelCatalogueError` with every fault of the text, not only the first.
    public init(parsing bytes: [UInt8]) throws(ModelCatalogueError) {
        entries = []
    }

    public subscript(id: String) -> ModelEntry? { entries.first { $0.id == id } }
}

/// Every fault of a catalogue, each with the path of the member it is about.
public struct ModelCatalogueError: Error, Hashable, Sendable, CustomStringConvertible {
    public var faults: [String]

    public var description: String { "model catalogue: " + faults.joined(separator: "; ") }
}
