internal import Core

extension Settings {
    /// What the settings depend on besides the file; tests give their own.
    public struct Surroundings: Sendable {
        public var environment: [String: String]
        public var cores: Int
        public var workingDirectory: String

        public init(environment: [String: String], cores: Int, workingDirectory: String) {
            self.environment = environment
            self.cores = cores
            self.workingDirectory = workingDirectory
        }

        /// Those of this process.
        public static func current() -> Surroundings {
            Surroundings(
                environment: ProcessSurroundings.environment(), cores: processorCount(),
                workingDirectory: ProcessSurroundings.workingDirectory())
        }
    }

    /// The settings of the file at `path` (else of the one that `CADENZA_CONFIG` names, else of none), overridden
    /// by the environment, checked, with machine-dependent defaults filled in.
    /// - Throws: `ConfigErrors` with every fault of the file and of the environment.
    public static func load(path: String?, surroundings: Surroundings = .current()) throws(ConfigErrors) -> Settings {
        guard let path = path ?? surroundings.environment["CADENZA_CONFIG"] else {
            return try load(text: "", name: "", surroundings: surroundings)
        }
        switch TextFile.read(path, bytesMax: ConfigFile.bytesMax) {
        case .success(let text): return try load(text: text, name: path, surroundings: surroundings)
        case .failure(let fault): throw ConfigErrors(errors: [ConfigError(path, fault.message)])
        }
    }

    /// As `load(path:)`, with the file's content at hand; `name` is what errors call it.
    public static func load(
        text: String, name: String, surroundings: Surroundings
    ) throws(ConfigErrors) -> Settings {
        var loader = SettingsLoader(surroundings: surroundings)
        loader.apply(ConfigFile(parsing: text, name: name))
        loader.applyEnvironment()
        loader.resolve()
        loader.check()
        guard loader.errors.isEmpty else { throw ConfigErrors(errors: loader.errors) }
        return loader.settings
    }
}
