public import Media

/// What a separation gave.
public struct SeparationResult: Sendable, Equatable {
    /// The stems that were written, in the model's order.
    public var stems: [StemResult]
    /// Frames (per channel) of the input at its own rate; every stem has as many.
    public var frameCount: Int64
    public var sampleRate: Int
    /// What a person should know: a down-mix, damaged packets skipped, a gain against clipping.
    public var notes: [String]
    public var timings: StageTimings

    public var durationSeconds: Double { Double(frameCount) / Double(sampleRate) }
}

/// One written stem.
public struct StemResult: Sendable, Equatable {
    /// `vocals`, `accompaniment` …
    public var name: String
    /// Frames at `SeparationResult.sampleRate`.
    public var frameCount: Int64
    /// The largest |sample| before the gain; above 1 it exceeds full scale.
    public var peak: Float
    /// The gain that was applied: 1 unless a stem would have clipped, then the same for all stems.
    public var gain: Float
    /// Where it was written and how; nil when the sink is no file.
    public var file: StemFile?

    /// `gain` in decibels, 0 or negative.
    public var gainDecibels: Double { decibels(gain) }
}

/// A stem's file.
public struct StemFile: Sendable, Equatable {
    public var path: String
    /// As the encoder counted it.
    public var encoded: EncodedAudio
}

/// A step of the engines' progress.
public enum EngineStep: String, Sendable, CaseIterable {
    case load, separate, encode
}

/// Wall-clock and processor seconds that one kind of work took, summed over the threads that did it.
public struct StageTime: Sendable, Equatable {
    public var wallSeconds: Double = 0
    public var cpuSeconds: Double = 0

    public init(wallSeconds: Double = 0, cpuSeconds: Double = 0) {
        self.wallSeconds = wallSeconds
        self.cpuSeconds = cpuSeconds
    }

    static func += (left: inout StageTime, right: StageTime) {
        left.wallSeconds += right.wallSeconds
        left.cpuSeconds += right.cpuSeconds
    }
}

/// Where the time went.
public struct StageTimings: Sendable, Equatable {
    public enum Stage: Int, CaseIterable, Sendable {
        /// Loading the weights, waiting for the decoder, analysis, networks, masks, synthesis, writing the stems.
        case load, decode, stft, network, mask, istft, encode
    }

    private var times = [StageTime](repeating: StageTime(), count: Stage.allCases.count)

    public init() {}

    /// `decode` counts this process only: the decoder itself runs in a child.
    public subscript(stage: Stage) -> StageTime {
        get { times[stage.rawValue] }
        set { times[stage.rawValue] = newValue }
    }
}
