import ArgumentParser
import Config
import Core
import Engines
import Glibc
import Models

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "List, install, verify and remove models.",
        subcommands: [List.self, Install.self, Verify.self, Remove.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what can be installed and what is.")
        @OptionGroup var models: ModelsOption
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let (catalogue, store) = (try ModelsOption.catalogue(), try models.store())
            if json {
                print(JSON.array(catalogue.entries.map { describe($0, store) }).text)
                return
            }
            let rows = catalogue.entries.map { entry in
                [
                    entry.id, entry.service ?? entry.kind.rawValue, Self.name(of: store.state(of: entry)),
                    Self.megabytes(Self.byteCount(of: entry)), entry.licence,
                    entry.stems.joined(separator: ", "),
                ]
            }
            let header = ["ID", "FOR", "STATE", "SIZE", "LICENCE", "STEMS"]
            for line in Self.table([header] + rows) { print(line) }
        }

        private func describe(_ entry: ModelEntry, _ store: ModelStore) -> JSON {
            [
                "id": .string(entry.id), "kind": .string(entry.kind.rawValue),
                "service": entry.service.map(JSON.string) ?? .null,
                "state": .string(Self.name(of: store.state(of: entry))),
                "bytes": .integer(Int64(Self.byteCount(of: entry))), "licence": .string(entry.licence),
                "commercial": .string(entry.commercial.rawValue),
                "stems": .array(entry.stems.map(JSON.string)),
            ]
        }

        private static func byteCount(of entry: ModelEntry) -> Int {
            entry.files(for: ModelStore.currentMachine).reduce(0) { $0 + $1.byteCount }
        }

        private static func name(of state: ModelStore.State) -> String {
            switch state {
            case .absent: "absent"
            case .installed: "installed"
            case .damaged: "damaged"
            }
        }

        private static func megabytes(_ bytes: Int) -> String { "\((bytes + 999_999) / 1_000_000) MB" }

        /// Pads each column to its longest cell.
        private static func table(_ rows: [[String]]) -> [String] {
            let columns = rows.first?.indices ?? 0..<0
            let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
            return rows.map { row in
                let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
                let line = cells.joined(separator: "  ")
                return String(line.reversed().drop { $0 == " " }.reversed())
            }
        }
    }

    struct Install: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fetch, check and install models and what they run on.")
        @OptionGroup var models: ModelsOption
        @Argument(help: "What to install; the run-time library comes along with a model.") var ids: [String]

        func run() throws {
            let catalogue = try ModelsOption.catalogue()
            let store = try models.store()
            var entries = try ids.map { try ModelsOption.entry($0, in: catalogue) }
            if entries.contains(where: { $0.kind == .model }) {
                entries.insert(contentsOf: catalogue.entries.filter { $0.kind == .runtime }, at: 0)
            }
            let interruption = try Interruption()
            for (index, entry) in entries.enumerated() where !entries[..<index].contains(entry) {
                let bar = ProgressLine()
                defer { bar.end() }
                try ModelsOption.orFail { () throws(ModelStoreError) in
                    try store.install(entry, cancellation: interruption.flag) { progress in
                        let fraction =
                            progress.bytesTotal > 0 ? Double(progress.bytesDone) / Double(progress.bytesTotal) : 0
                        bar.show(min(1, fraction), "\(entry.id): \(progress.phase.rawValue)")
                    }
                }
            }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read every byte of what is installed and compare its digests.")
        @OptionGroup var models: ModelsOption
        @Argument(help: "What to verify; everything that is installed if nothing is named.") var ids: [String] = []

        func run() throws {
            let (catalogue, store) = (try ModelsOption.catalogue(), try models.store())
            let entries =
                ids.isEmpty
                ? catalogue.entries.filter { store.state(of: $0) != .absent }
                : try ids.map { try ModelsOption.entry($0, in: catalogue) }
            for entry in entries {
                try ModelsOption.orFail { () throws(ModelStoreError) in try store.verify(entry) }
                print("\(entry.id): as pinned")
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove installed models.")
        @OptionGroup var models: ModelsOption
        @Argument(help: "What to remove.") var ids: [String]

        func run() throws {
            let (catalogue, store) = (try ModelsOption.catalogue(), try models.store())
            for id in ids {
                let entry = try ModelsOption.entry(id, in: catalogue)
                try ModelsOption.orFail { () throws(ModelStoreError) in try store.remove(id: entry.id) }
            }
        }
    }
}

/// Where the models are.
struct ModelsOption: ParsableArguments {
    @OptionGroup var settings: SettingsOption

    @Option(help: "The models' folder, instead of the settings'.")
    var modelsDirectory: String?

    /// - Throws: `CommandFailure` if the settings cannot be read.
    func store() throws -> ModelStore {
        if let modelsDirectory { return ModelStore(directory: modelsDirectory) }
        return ModelStore(directory: try settings.load().models.directory)
    }

    static func catalogue() throws -> ModelCatalogue {
        do {
            return try ModelCatalogue.embedded()
        } catch {
            throw CommandFailure("\(error)", exit: .config)
        }
    }

    static func entry(_ id: String, in catalogue: ModelCatalogue) throws -> ModelEntry {
        guard let entry = catalogue[id] else {
            let known = catalogue.entries.map(\.id).joined(separator: ", ")
            throw CommandFailure("there is no model \(id); known: \(known)", exit: .usage)
        }
        return entry
    }

    static func orFail(_ body: () throws(ModelStoreError) -> Void) throws {
        do {
            try body()
        } catch .cancelled {
            throw ExitCode(Interruption.exitStatus)
        } catch .system(let call, let path, let number) {
            throw CommandFailure("\(call) \(path): \(errorText(number))", exit: .cannotCreate)
        } catch {
            throw CommandFailure("\(error)", exit: .unavailable)
        }
    }
}

/// What the system says about an error number.
func errorText(_ number: Int32) -> String { String(cString: strerror(number)) }
