/// The installed models: `<directory>/<id>/<file>` and a manifest that is written last.
public struct ModelStore: Sendable {
    public let directory: String

    public init(directory: String) { self.directory = directory }

    /// `CADENZA_MODELS_DIR`, else `$XDG_DATA_HOME/cadenza/models`, else `$HOME/.local/share/cadenza/models`.
    public static func defaultDirectory(environment: [String: String]) -> String {
        if let directory = environment["CADENZA_MODELS_DIR"], !directory.isEmpty { return directory }
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/cadenza/models" }
        return (environment["HOME"] ?? "/") + "/.local/share/cadenza/models"
    }

    /// The path of an installed file whose manifest and size are right.
    /// - Throws: `.notInstalled` with the command that installs it, `.damaged` when the file is not as recorded.
    public func path(of name: String, in entry: ModelEntry) throws(ModelStoreError) -> String {
        throw .notInstalled(id: entry.id)
    }
}

/// Why a model cannot be installed or used.
public enum ModelStoreError: Error, Hashable, Sendable {
    case notInstalled(id: String)
    case damaged(path: String, what: String)
}
