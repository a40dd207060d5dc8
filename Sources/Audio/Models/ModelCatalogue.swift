internal import Core

/// The models that can be installed, from `config/models.json`.
public struct ModelCatalogue: Sendable {
    public static let bytesMax = 1 << 20

    public let entries: [ModelEntry]

    /// The catalogue that was built in.
    public static func embedded() throws(ModelCatalogueError) -> ModelCatalogue {
        try ModelCatalogue(parsing: PackageResources.models_json)
    }

    /// - Throws: `ModelCatalogueError` with every fault of the text, not only the first.
    public init(parsing bytes: [UInt8]) throws(ModelCatalogueError) {
        let json: JSON
        do {
            json = try JSONParser.parse(bytes, bytesMax: Self.bytesMax)
        } catch {
            throw ModelCatalogueError(faults: ["byte \(error.offset): \(error.reason.rawValue)"])
        }
        var reader = CatalogueReader()
        entries = reader.entries(json)
        guard reader.faults.isEmpty else { throw ModelCatalogueError(faults: reader.faults) }
    }

    public subscript(id: String) -> ModelEntry? { entries.first { $0.id == id } }
}

/// Every fault of a catalogue, each with the path of the member it is about.
public struct ModelCatalogueError: Error, Hashable, Sendable, CustomStringConvertible {
    public var faults: [String]

    public var description: String { "model catalogue: " + faults.joined(separator: "; ") }
}
