internal import CLinux
public import Core
internal import Kernels

/// Takes a song apart into its stems.
///
/// Audio streams through in segments: memory does not grow with the song. Deterministic: the same input and options
/// give the same bytes. The engine's own threads run at a lower priority than the caller's.
public struct SeparationEngine: Sendable {
    /// The rate that the networks were trained at.
    public static let sampleRate = 44_100
    /// Everything is separated as stereo.
    public static let channelCount = 2
    /// Samples beyond this are taken as damage: their squares would leave float32's range inside the networks.
    public static let magnitudeMax: Float = 1_000_000

    /// Receives the share that is done, 0...1 and never falling, and the step; on the caller's thread.
    public typealias Progress = (_ fraction: Double, _ step: EngineStep) -> Void

    let models: ModelCache
    let threadCount: Int
    let niceness: Int32

    /// - Parameters:
    ///   - threadCount: threads of a running separation; nil: two, or one where the process may use but one core.
    ///   - niceness: added to these threads' niceness.
    public init(models: ModelCache, threadCount: Int? = nil, niceness: Int32 = 5) {
        self.models = models
        self.threadCount = threadCount ?? min(2, Int(cadenza_processor_count()))
        self.niceness = niceness
    }

    /// Separates a stream of audio; blocks its thread until done.
    ///
    /// - Parameters:
    ///   - sinks: one for each chosen stem, in the model's order.
    ///   - cancellation: looked at every 0.1 s while a network computes, and between all steps.
    /// - Returns: peaks and lengths at 44.1 kHz; gains are 1 and files nil.
    public func separate(
        _ source: any AudioSource, into sinks: [any StemSink], options: SeparationOptions,
        cancellation: CancellationFlag = CancellationFlag(), progress: Progress = { _, _ in }
    ) throws(EngineError) -> SeparationResult {
        try options.validate()
        let clock = StageClock()
        progress(0, .load)
        let model = try clock.measure(.load) { () throws(EngineError) in try models.model(options.model) }
        let names = try options.chosenStems(of: model.stems).map { model.stems[$0] }
        precondition(sinks.count == names.count)
        let team = try WorkerTeam(threadCount: threadCount, niceness: niceness)
        let meters = sinks.map(PeakMeter.init)
        let outcome = try run(
            model, source: source, sinks: meters, options: options, team: team, clock: clock,
            cancellation: cancellation
        ) { progress($0, .separate) }
        progress(1, .separate)
        return SeparationResult(
            stems: zip(names, meters).map { name, meter in
                StemResult(name: name, frameCount: meter.frameCount, peak: meter.peak, gain: 1)
            },
            frameCount: outcome.separatedFrames, sampleRate: Self.sampleRate, notes: outcome.notes,
            timings: clock.timings)
    }

    struct Outcome {
        /// Frames at 44.1 kHz.
        var separatedFrames: Int64
        var source: AudioSourceSummary
        var notes: [String]
    }

    /// The separation itself, from source to sinks.
    func run(
        _ model: SeparationModel, source: any AudioSource, sinks: [any StemSink], options: SeparationOptions,
        team: WorkerTeam, clock: StageClock, cancellation: CancellationFlag, progress: (Double) -> Void
    ) throws(EngineError) -> Outcome {
        let stream = try SeparationStream(
            model: model, source: source, sinks: sinks, options: options, team: team, clock: clock,
            cancellation: cancellation)
        let frames = try stream.run(progress: progress)
        let summary = try source.finish()
        var notes = summary.notes
        if stream.damagedSampleCount > 0 {
            notes.append(
                "\(stream.damagedSampleCount) samples of the input were not finite or absurdly large: taken as silence"
            )
        }
        return Outcome(separatedFrames: frames, source: summary, notes: notes)
    }
}

/// Counts and measures what passes.
private final class PeakMeter: StemSink {
    private let sink: any StemSink
    private(set) var frameCount: Int64 = 0
    private(set) var peak: Float = 0

    init(_ sink: any StemSink) { self.sink = sink }

    func write(_ planes: [UnsafeBufferPointer<Float>]) throws(EngineError) {
        for plane in planes { peak = max(peak, Gain.peak(plane)) }
        frameCount += Int64(planes[0].count)
        try sink.write(planes)
    }
}
