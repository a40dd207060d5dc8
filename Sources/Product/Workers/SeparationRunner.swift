public import Blobs
public import Core
public import Engines
public import Media
public import Studio

/// Runs separation jobs on the separation engine.
public struct SeparationRunner: ServiceRunner {
    /// How often a fraction is passed on: a bar moves smoothly at this, and no queue fills.
    private static let progressSecondsMin: UInt64 = 250_000_000

    private let engine: SeparationEngine
    private let limits: MediaLimits
    private let time: any TimeSource

    public init(engine: SeparationEngine, limits: MediaLimits, time: any TimeSource) {
        self.engine = engine
        self.limits = limits
        self.time = time
    }

    public func run(
        _ job: Job, input: OpenFile, blobs: any BlobStore, progress: any ServiceProgress,
        cancellation: CancellationFlag
    ) throws(ServiceFailure) -> ServiceResult {
        do {
            let options = try Self.options(job.options)
            // What is decoded is what was paid for, whatever the header said.
            var limits = limits
            let paid = job.input.properties.durationSeconds
            limits.durationSecondsMax = min(
                limits.durationSecondsMax, paid * (1 + Self.extraShareMax) + Self.extraSecondsMax)
            let folder = try blobs.stageFolder()
            let tracker = StepTracker(progress)
            let result = try engine.separate(
                // Opens the same inode again: the blob's own name is the store's business.
                file: "/proc/self/fd/\(input.descriptor)", into: folder.path, options: options, limits: limits,
                cancellation: cancellation
            ) { tracker.reached($0, step: $1) }
            tracker.finish(frameCount: result.frameCount)
            return ServiceResult(
                artifacts: try store(result, folder: folder, blobs: blobs, unless: cancellation), notes: result.notes)
        } catch let error as EngineError {
            throw Self.failure(error)
        } catch let error as BlobError {
            throw Self.failure(error)
        } catch {
            throw .failed(
                JobFailure(code: .engineFailed, detail: Self.failedDetail), cause: "\(error)", isTransient: true)
        }
    }

    /// The engine's options from the job's, which were checked when the job was submitted.
    static func options(_ canonical: JSON) throws(EngineError) -> SeparationOptions {
        var options = SeparationOptions()
        for member in canonical.members ?? [] where member.value != .null {
            switch member.name {
            case "model": options.model = member.value.string ?? options.model
            case "stems": options.stems = member.value.array?.compactMap(\.string)
            case "residual": options.residual = member.value.bool ?? false
            case "overlap": options.overlap = member.value.double
            case "shifts": options.shifts = Int(member.value.integer ?? 1)
            case "format":
                guard let format = member.value.string.flatMap(AudioFormat.init(name:)) else {
                    throw .invalidOption(field: "format", value: member.value.text, allowed: "a known format")
                }
                options.format = format
            default:
                throw .invalidOption(field: member.name, value: member.value.text, allowed: "nothing")
            }
        }
        return options
    }

    /// The engine's own rules about options that are well each by itself.
    public static func check(_ canonical: JSON, _ model: ServiceModel) throws(JobError) {
        do {
            let options = try options(canonical)
            try options.validate()
            _ = try options.chosenStems(of: model.stems)
        } catch {
            guard case .invalidOption(let field, _, let allowed) = error else {
                throw .internal(cause: error.description)
            }
            throw .invalidOption(name: field, reason: "must be \(allowed)")
        }
    }

    /// Results uncompressed for the formats that compress, never less than they will have; beside them, but for
    /// `wav32f`, every stem as 32-bit float.
    public static func diskNeeds(_ canonical: JSON, _ input: InputProperties) -> DiskNeeds {
        guard let options = try? options(canonical) else { return DiskNeeds() }
        let bytesPerSample: Double =
            switch options.format {
            case .wav32f: 4
            case .wav24, .flac: 3
            case .wav16: 2
            case .mp3, .ogg, .opus, .m4a: 0.5
            }
        let samples =
            input.durationSeconds * Double(input.sampleRate) * Double(SeparationEngine.channelCount)
            * Double(options.stems?.count ?? 2)
        guard samples < 1e15 else { return DiskNeeds(resultBytes: .max) }
        return DiskNeeds(
            resultBytes: Int64(samples * bytesPerSample),
            scratchBytes: options.format == .wav32f ? 0 : Int64(samples * 4))
    }

    private func store(
        _ result: SeparationResult, folder: StagedFolder, blobs: any BlobStore, unless flag: CancellationFlag
    ) throws -> [Artifact] {
        var artifacts: [Artifact] = []
        do {
            for stem in result.stems {
                guard let file = stem.file else { continue }
                let name = file.path.split(separator: "/").last.map(String.init) ?? stem.name
                let blob = try blobs.put(try folder.file(named: name), at: time.now(), unless: flag)
                artifacts.append(Artifact(name: name, blob: blob, mediaType: file.encoded.mediaType))
            }
            return artifacts
        } catch {
            for artifact in artifacts { try? blobs.remove(artifact.blob.id) }
            throw error
        }
    }

    private static let failedDetail = "The engine failed."
    private static let fullDetail = "The server's disk is full."
    /// How much longer than inspected an input may turn out: a second, and a hundredth for damaged headers.
    private static let extraSecondsMax = 1.0
    private static let extraShareMax = 0.01

    private static func failure(_ error: EngineError) -> ServiceFailure {
        if case .canceled = error { return .canceled }
        // What the server did wrong is for its log; what the file is like is for its owner.
        let isOwn = error.code.status >= 500
        let detail: String
        if error.code == .storageFull {
            detail = fullDetail
        } else if case .media(let media) = error, !isOwn {
            detail = media.detail
        } else {
            detail = isOwn ? failedDetail : error.description
        }
        return .failed(
            JobFailure(code: error.code, detail: detail), cause: isOwn ? error.description : nil,
            isTransient: error.isTransient)
    }

    private static func failure(_ error: BlobError) -> ServiceFailure {
        if error == .canceled { return .canceled }
        let code: ProblemCode = error == .full ? .storageFull : .internalError
        return .failed(
            JobFailure(code: code, detail: error == .full ? fullDetail : failedDetail), cause: "\(error)",
            isTransient: true)
    }

    /// Turns the engine's steps into lines of the timeline, and thins out its fractions.
    private final class StepTracker {
        private let progress: any ServiceProgress
        private var step: EngineStep?
        private var stepStart = monotonicNanoseconds()
        private var toldAt: UInt64 = 0

        init(_ progress: any ServiceProgress) { self.progress = progress }

        func reached(_ fraction: Double, step: EngineStep) {
            // A song of one segment is separated between two reports.
            if step == .encode, self.step == .load { leave(for: .separate) }
            if step != self.step { leave(for: step) }
            let now = monotonicNanoseconds()
            guard now - toldAt >= SeparationRunner.progressSecondsMin || fraction == 1 else { return }
            toldAt = now
            progress.reached(fraction, step: step.rawValue)
        }

        func finish(frameCount: Int64) {
            leave(for: nil)
            progress.finished(stage: "encoded", detail: ["frames": .integer(frameCount)])
        }

        private func leave(for next: EngineStep?) {
            let now = monotonicNanoseconds()
            let seconds: JSON = ["seconds": .number(Double((now - stepStart) / 1_000_000) / 1000)]
            switch step {
            case .load: progress.finished(stage: "loaded", detail: seconds)
            case .separate:
                // Decoding runs beside the networks and ends with them.
                progress.finished(stage: "decoded", detail: seconds)
                progress.finished(stage: "separated", detail: seconds)
            case .encode, nil: break
            }
            step = next
            stepStart = now
        }
    }
}
