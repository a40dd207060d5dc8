import ArgumentParser
import Core
import Engines
import Glibc
import Media

struct SeparateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "separate", abstract: "Take a song apart into its stems, without a server.")

    @Argument(help: "The song: any file that can be decoded.") var song: String
    @Option(help: "The folder for the stems; made if missing.") var out: String
    @OptionGroup var options: SeparationArguments
    @OptionGroup var models: ModelsOption
    @Flag(help: "Print the result as JSON, and no progress.") var json = false

    func run() throws {
        let chosen = try options.checked()
        guard access(song, R_OK) == 0 else {
            throw CommandFailure("\(song): \(errorText(errno))", exit: .noInput)
        }
        let madeFolder = mkdir(out, 0o777) == 0
        guard madeFolder || errno == EEXIST, access(out, W_OK | X_OK) == 0 else {
            throw CommandFailure("\(out): \(errorText(errno))", exit: .cannotCreate)
        }
        let interruption = try Interruption()
        let bar = ProgressLine(isQuiet: json)
        let engine = SeparationEngine(
            models: ModelCache(catalogue: try ModelsOption.catalogue(), store: try models.store()), niceness: 0)
        do throws(EngineError) {
            let result = try engine.separate(
                file: song, into: out, options: chosen, cancellation: interruption.flag
            ) { bar.show($0, $1.rawValue) }
            bar.end()
            report(result)
        } catch {
            bar.end()
            if madeFolder { rmdir(out) }
            throw Self.failure(error, song: song)
        }
    }

    private func report(_ result: SeparationResult) {
        if json {
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
            let own = JSON.Member("peakBytes", .integer(Self.peakBytes()))
            let decoder = JSON.Member("decoderPeakBytes", .integer(Int64(usage.ru_maxrss) * 1024))
            print(JSON.object((result.json.members ?? []) + [own, decoder]).text)
            return
        }
        for note in result.notes { StandardError.write("note: \(note)") }
        for stem in result.stems { if let file = stem.file { print(file.path) } }
    }

    /// The most memory that this process has held.
    private static func peakBytes() -> Int64 {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Int64(usage.ru_maxrss) * 1024
    }

    /// The exit status that says what kind of thing went wrong.
    static func failure(_ error: EngineError, song: String) -> any Error {
        switch error {
        case .canceled: ExitCode(Interruption.exitStatus)
        case .invalidOption, .unknownModel: CommandFailure("\(error)", exit: .usage)
        case .modelNotInstalled, .modelUnusable: CommandFailure("\(error)", exit: .unavailable)
        case .emptyInput: CommandFailure("\(song): \(error)", exit: .badInput)
        case .storage(let path, let number):
            CommandFailure("\(path): \(errorText(number))", exit: .cannotCreate)
        case .media(let media):
            switch media.kind {
            case .storageFull: CommandFailure("\(media)", exit: .cannotCreate)
            case .internalError, .deadlineExceeded: CommandFailure("\(media)", exit: .software)
            default: CommandFailure("\(song): \(media)", exit: .badInput)
            }
        case .wrongLength, .computation: CommandFailure("\(error)", exit: .software)
        }
    }
}

/// The options of a separation, as arguments.
struct SeparationArguments: ParsableArguments {
    @Option(help: "The model; `cadenza models list` names them.") var model = SeparationOptions().model
    @Option(help: "wav (16 bit), wav24, wav32f, flac, mp3, ogg, opus or m4a.") var format = "wav"
    @Option(help: "The stems to write, separated by commas; all without it.") var stems: String?
    @Flag(help: "Make the stems add up to the mix: the last one takes what the others leave.") var residual = false
    @Option(help: "Overlap of neighbouring segments, 0 to 0.5; the model's own without it.") var overlap: Double?
    @Option(help: "Separate at that many shifted positions and average, 1 to 4.") var shifts = 1

    func checked() throws -> SeparationOptions {
        var options = SeparationOptions()
        guard let format = AudioFormat(name: format) else {
            let known = AudioFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure("there is no format \(format); known: wav, \(known)", exit: .usage)
        }
        options.model = model
        options.format = format
        options.stems = stems.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        options.residual = residual
        options.overlap = overlap
        options.shifts = shifts
        do {
            try options.validate()
        } catch {
            throw CommandFailure("\(error)", exit: .usage)
        }
        return options
    }
}

extension SeparationResult {
    /// The result for machines; stage times in seconds.
    var json: JSON {
        let stages = StageTimings.Stage.allCases.map { stage in
            JSON.Member(
                "\(stage)",
                ["wall": .number(timings[stage].wallSeconds), "cpu": .number(timings[stage].cpuSeconds)])
        }
        return [
            "frameCount": .integer(frameCount), "sampleRate": .integer(Int64(sampleRate)),
            "durationSeconds": .number(durationSeconds),
            "stems": .array(
                stems.map { stem in
                    [
                        "name": .string(stem.name), "path": stem.file.map { .string($0.path) } ?? .null,
                        "frameCount": .integer(stem.frameCount), "peak": .number(Double(stem.peak)),
                        "gainDecibels": .number(stem.gainDecibels),
                    ]
                }),
            "notes": .array(notes.map(JSON.string)), "stages": .object(stages),
        ]
    }
}
