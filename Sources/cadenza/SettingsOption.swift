import ArgumentParser
import Config

/// The `--config` option, shared by every command that reads the settings.
struct SettingsOption: ParsableArguments {
    @Option(name: .customLong("config"), help: "The configuration file; else CADENZA_CONFIG, else defaults.")
    var path: String?

    func load() throws -> Settings {
        do {
            return try Settings.load(path: path)
        } catch {
            throw CommandFailure(error.description, exit: .config)
        }
    }
}
