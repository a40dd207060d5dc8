import Config
import Core
import Engines
import Media
import Models
import Studio
import Workers

/// The catalogue of models, what of it is installed, and the services that it makes possible.
struct InstalledModels {
    private let catalogue: ModelCatalogue
    private let store: ModelStore
    private let cache: ModelCache

    init(settings: Settings) throws {
        catalogue = try ModelCatalogue.embedded()
        store = ModelStore(directory: settings.models.directory)
        cache = ModelCache(catalogue: catalogue, store: store, memoryBytesMax: settings.models.memoryBytesMax)
    }

    func separationService(_ settings: Settings) -> Service {
        Service(
            name: "separation",
            models: entries(of: "separation").map { entry in
                ServiceModel(id: entry.id, stems: entry.stems, isInstalled: { isInstalled(entry) })
            },
            options: [
                OptionField("stems", .stems, default: .null),
                OptionField("residual", .flag, default: false),
                OptionField(
                    "overlap",
                    .number(SeparationOptions.overlapRange), default: .null),
                OptionField(
                    "shifts",
                    .wholeNumber(
                        Int64(
                            SeparationOptions.shiftsRange.lowerBound)...Int64(
                                SeparationOptions.shiftsRange.upperBound)),
                    default: 1),
                OptionField("format", .named(Self.formats), default: "wav16"),
            ],
            price: ServicePrice(unitSeconds: Double(settings.credits.separationSecondsPerCredit)),
            rule: SeparationRunner.check, diskNeeds: SeparationRunner.diskNeeds)
    }

    /// Every name of a format, and the format's own.
    private static let formats: [String: String] = AudioFormat.allCases.reduce(into: ["wav": "wav16"]) {
        $0[$1.rawValue] = $1.rawValue
    }

    func separationRunner(_ settings: Settings) -> SeparationRunner {
        SeparationRunner(
            engine: SeparationEngine(models: cache, threadCount: settings.workers.threads),
            limits: settings.mediaLimits, time: SystemTime())
    }

    /// Commercial use is what a job for credits is: weights that forbid it are not offered.
    private func entries(of service: String) -> [ModelEntry] {
        catalogue.entries.filter { $0.service == service && $0.commercial == .allowed }
    }

    /// The model and the run-time library that runs it.
    private func isInstalled(_ entry: ModelEntry) -> Bool {
        let needed = [entry] + catalogue.entries.filter { $0.kind == .runtime }
        return needed.allSatisfy { store.state(of: $0) == .installed }
    }
}
