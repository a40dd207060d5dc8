import Blobs
import Core
import JobQueue
import Studio
import Workers

/// What an engine makes of an input; the file's name says it.
enum EngineMood: String, CaseIterable, Sendable {
    case quick
    case steady
    /// Fails now and then, and may succeed when tried again.
    case flaky
    /// Fails, and always will.
    case broken
    /// Takes longer than it may.
    case endless
    /// Does not look whether it is to stop.
    case deaf
    /// Takes its process with it.
    case deadly

    init(of job: Job) {
        self = EngineMood(rawValue: String(job.input.name.prefix { $0 != "-" })) ?? .quick
    }
}

/// Takes virtual time, writes small files, and fails as its mood is.
struct SimulatedEngine: ServiceRunner {
    let process: SimulatedProcess
    let run: Run

    func run(
        _ job: Job, input: OpenFile, blobs: any BlobStore, progress: any ServiceProgress,
        cancellation: CancellationFlag
    ) throws(ServiceFailure) -> ServiceResult {
        let scheduler = process.scheduler
        scheduler.trace.note("engine.began", at: scheduler.seconds, "\(job.id) \(job.attempt) on \(process.number)")
        run.engineBegan(job, on: process)
        defer { run.engineEnded(job, on: process) }
        try check(input, of: job)
        let mood = EngineMood(of: job)
        let pieces = mood == .endless ? 40 : scheduler.dice.below(5) + 1
        for piece in 1...pieces {
            let seconds: ClosedRange<Double> =
                switch mood {
                case .quick: 0.01...0.3
                case .endless: 1...4
                case .deaf: 0.5...6
                default: 0.1...5
                }
            scheduler.pause(seconds: scheduler.dice.seconds(seconds), in: process)
            if mood == .deadly { kill() }
            if process.isDead { throw .canceled }
            if mood != .deaf, cancellation.isRaised { throw .canceled }
            progress.reached(Double(piece) / Double(pieces), step: "computing")
            if scheduler.dice.chance(0.2) { progress.finished(stage: "stage-\(piece)", detail: [:]) }
        }
        if mood == .broken || (mood == .flaky && !run.isCalm && scheduler.dice.chance(0.5)) {
            throw .failed(
                JobFailure(code: .engineFailed, detail: "It fails."), cause: nil, isTransient: mood == .flaky)
        }
        return ServiceResult(artifacts: try store(job, blobs), notes: [])
    }

    private func kill() {
        let (run, process) = (run, process)
        process.scheduler.after(seconds: 0) { run.crash(process) }
        process.scheduler.pause(seconds: 1, in: process)
    }

    private func check(_ input: OpenFile, of job: Job) throws(ServiceFailure) {
        let content = try? input.read(at: 0, count: 1 << 12)
        if content.map({ String(decoding: $0, as: UTF8.self) }) != job.input.name {
            run.violated("the input of \(job.id) is not what was submitted")
        }
    }

    private func store(_ job: Job, _ blobs: any BlobStore) throws(ServiceFailure) -> [Artifact] {
        var artifacts: [Artifact] = []
        do {
            for stem in 0...process.scheduler.dice.below(2) {
                let name = "\(job.attempt)-\(stem).wav"
                let file = try blobs.stage()
                try file.append(Array("\(job.id) \(name)".utf8))
                let blob = try blobs.put(file, at: process.time.now())
                artifacts.append(Artifact(name: name, blob: blob, mediaType: "audio/wav"))
            }
            return artifacts
        } catch {
            for artifact in artifacts { try? blobs.remove(artifact.blob.id) }
            let code: ProblemCode = error == .full ? .storageFull : .internalError
            throw .failed(
                JobFailure(code: code, detail: "The results cannot be stored."), cause: "\(error)", isTransient: true)
        }
    }
}

/// Every upload is well.
struct SimulatedInspector: InputInspector {
    func inspect(path: String) async throws(JobError) -> InputProperties {
        InputProperties(container: "wav", codec: "pcm", durationSeconds: 1, sampleRate: 44_100, channelCount: 2)
    }
}
