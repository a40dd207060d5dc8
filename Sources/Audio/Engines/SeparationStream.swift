internal import Core
internal import Kernels

/// The way of one song through the passes of an ensemble, from its source to its stems' sinks.
///
/// While the networks compute a segment, the engine's thread reads the next one and writes the stems of the last: so
/// the decoder in its child process and the encoders keep pace, with one segment handed over at a time.
final class SeparationStream {
    private let model: SeparationModel
    private let source: any AudioSource
    private let sinks: [any StemSink]
    private let chosen: [Int]
    private let residual: Bool
    private let clock: StageClock
    private let cancellation: CancellationFlag
    private let accumulator: StemAccumulator
    private let passes: [SpectralSeparator]
    /// The chunk being separated and the one being read.
    private var current: FloatPlanes
    private var following: FloatPlanes
    private var followingCount: Int?
    private var sampleCount: Int64 = 0
    private(set) var damagedSampleCount = 0

    init(
        model: SeparationModel, source: any AudioSource, sinks: [any StemSink], options: SeparationOptions,
        team: WorkerTeam, clock: StageClock, cancellation: CancellationFlag
    ) throws(EngineError) {
        self.model = model
        self.source = source
        self.sinks = sinks
        self.clock = clock
        self.cancellation = cancellation
        chosen = try options.chosenStems(of: model.stems)
        residual = options.residual
        let channels = SeparationEngine.channelCount
        let plan = SegmentPlan(
            segmentFrames: model.segmentFrames, overlap: options.overlap ?? model.overlap)
        let segmentSamples = plan.segmentFrames * Framing.hop
        accumulator = StemAccumulator(
            planes: (model.stems.count + (residual ? 1 : 0)) * channels, passes: options.shifts,
            capacity: segmentSamples * (options.shifts > 1 ? 3 : 1))
        let parts = SpectralSeparator.Parts(
            model: model, plan: plan, team: team, clock: clock, accumulator: accumulator, keepsMix: residual,
            cancellation: cancellation)
        let shifts = Framing.shifts(count: options.shifts, segmentFrames: plan.segmentFrames)
        var passes: [SpectralSeparator] = []
        for (pass, shift) in shifts.enumerated() {
            passes.append(
                try SpectralSeparator(parts, pass: pass, passes: shifts.count, shiftSamples: shift))
        }
        self.passes = passes
        current = FloatPlanes(planes: channels, capacity: plan.hopFrames * Framing.hop)
        following = FloatPlanes(planes: channels, capacity: plan.hopFrames * Framing.hop)
    }

    /// Separates everything; returns the song's length in samples.
    func run(progress: (Double) -> Void) throws(EngineError) -> Int64 {
        let meanwhile = { [self] () throws(EngineError) in
            try checkCancellation()
            if followingCount == nil { followingCount = try readChunk() }
            try flush()
            progress(fraction)
        }
        followingCount = try readChunk()
        while let count = followingCount, count > 0 {
            swap(&current, &following)
            followingCount = nil
            for pass in passes {
                pass.push(current, count: count)
                while pass.isSegmentReady { try pass.runSegment(meanwhile: meanwhile) }
            }
            try checkCancellation()
            if followingCount == nil { followingCount = try readChunk() }
        }
        guard sampleCount > 0 else { throw .emptyInput }
        accumulator.end(at: sampleCount)
        for pass in passes {
            try pass.finish(sampleCount: sampleCount) { () throws(EngineError) in
                try checkCancellation()
                try flush()
            }
        }
        try flush()
        return sampleCount
    }

    private var fraction: Double {
        let written = Double(accumulator.base)
        // Where nobody knows the length, the bar slows down instead of lying.
        let expected = source.expectedFrameCount.map(Double.init) ?? written + 60 * Double(SeparationEngine.sampleRate)
        return min(1, written / max(1, expected))
    }

    private func checkCancellation() throws(EngineError) {
        if cancellation.isRaised { throw .canceled }
    }

    private func readChunk() throws(EngineError) -> Int {
        let planes = (0..<following.planeCount).map { following.plane($0) }
        let count = try clock.measure(.decode) { () throws(EngineError) in try source.read(into: planes) }
        sampleCount += Int64(count)
        for plane in planes { silenceDamage(in: UnsafeMutableBufferPointer(rebasing: plane[..<count])) }
        return count
    }

    /// Replaces what would poison a whole segment.
    private func silenceDamage(in samples: UnsafeMutableBufferPointer<Float>) {
        if Gain.peak(UnsafeBufferPointer(samples)) <= SeparationEngine.magnitudeMax { return }
        for index in samples.indices where !(abs(samples[index]) <= SeparationEngine.magnitudeMax) {
            samples[index] = 0
            damagedSampleCount += 1
        }
    }

    /// Writes what all passes have completed.
    private func flush() throws(EngineError) {
        let channels = SeparationEngine.channelCount
        guard accumulator.readyCount > 0 else { return }
        if residual { clock.measure(.mask) { takeResidual() } }
        try clock.measure(.encode) { () throws(EngineError) in
            for (sink, stem) in zip(sinks, chosen) {
                try sink.write(
                    (0..<channels).map { UnsafeBufferPointer(accumulator.ready(stem * channels + $0)) })
            }
        }
        accumulator.drop()
    }

    /// Makes the last stem the mix less all others.
    private func takeResidual() {
        let channels = SeparationEngine.channelCount
        let last = model.stems.count - 1
        for channel in 0..<channels {
            let target = accumulator.ready(last * channels + channel)
            _ = target.update(fromContentsOf: accumulator.ready((last + 1) * channels + channel))
            for stem in 0..<last {
                Gain.add(UnsafeBufferPointer(accumulator.ready(stem * channels + channel)), gain: -1, to: target)
            }
        }
    }
}
