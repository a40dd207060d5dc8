internal import Core
internal import Glibc
internal import Kernels

/// One pass over a song: spectrogram, networks, masks and back, a segment at a time, in constant memory.
///
/// The song is fed in with `push`; whenever a segment is complete, `runSegment` adds its stems to the accumulator.
/// Planes of the accumulator: stem · 2 + channel, then the mix's two where it keeps them.
final class SpectralSeparator: @unchecked Sendable {
    // SAFETY: everything but the tasks of a round runs on the engine's thread, and it waits for each round.
    struct Parts {
        var model: SeparationModel
        var plan: SegmentPlan
        var team: WorkerTeam
        var clock: StageClock
        var accumulator: StemAccumulator
        var keepsMix: Bool
        var cancellation: CancellationFlag
        var instructions: InstructionSet = .automatic
    }

    private let parts: Parts
    private let pass: Int
    private let gain: Float
    private let framing: Framing
    private let lanes: [SpectralLane]
    private let runs: [any StemNetworkRun]
    private let segment: SegmentBuffers
    private let signal: FloatPlanes
    /// Samples in `signal`; its first belongs to the first frame that is not synthesised yet.
    private var signalCount: Int
    /// Frames at the front of the segment that the former one covered as well.
    private var carriedFrames = 0
    private var finishedFrames: Int64 = 0

    private var plan: SegmentPlan { parts.plan }

    /// - Parameter pass: this one's number in the ensemble; its share of the sum is one of `passes`.
    init(_ parts: Parts, pass: Int, passes: Int, shiftSamples: Int) throws(EngineError) {
        self.parts = parts
        self.pass = pass
        gain = 1 / Float(passes)
        framing = Framing(shiftSamples: shiftSamples)
        let (model, plan) = (parts.model, parts.plan)
        var lanes: [SpectralLane] = []
        for channel in 0..<SeparationEngine.channelCount {
            lanes.append(
                try SpectralLane(
                    channel: channel, stems: model.stems.count, segmentFrames: plan.segmentFrames,
                    knownBins: model.knownBins, clock: parts.clock, instructions: parts.instructions))
        }
        self.lanes = lanes
        var runs: [any StemNetworkRun] = []
        for network in model.networks { runs.append(try network.makeRun()) }
        self.runs = runs
        segment = SegmentBuffers(
            plan: plan, bins: model.knownBins, stems: model.stems.count, channels: lanes.count)
        signal = FloatPlanes(
            planes: lanes.count,
            capacity: (plan.segmentFrames + plan.hopFrames) * Framing.hop + Framing.carrySamples)
        signalCount = framing.leadSamples
    }

    /// Appends `count` samples of each channel: at most a segment's hop at a time, with no segment left ready.
    func push(_ planes: FloatPlanes, count: Int) {
        precondition(signalCount + count <= signal.capacity)
        for channel in lanes.indices {
            _ = signal.plane(channel, from: signalCount).update(
                fromContentsOf: planes.values(channel, count: count))
        }
        signalCount += count
    }

    var isSegmentReady: Bool { signalCount >= plan.segmentFrames * Framing.hop + Framing.carrySamples }

    /// Computes the next segment; `meanwhile` runs on this thread while the networks compute on the team.
    func runSegment(meanwhile: () throws(EngineError) -> Void) throws(EngineError) {
        try estimate(frames: plan.segmentFrames, meanwhile)
        try synthesise(frames: plan.hopFrames)
        if plan.sharedFrames > 0 {
            for lane in lanes { lane.keep(rows: plan.hopFrames..<plan.segmentFrames) }
            segment.carry(from: plan.hopFrames)
        }
        carriedFrames = plan.sharedFrames
    }

    /// Computes what is left of a song of `sampleCount` samples, all of which were pushed.
    func finish(sampleCount: Int64, meanwhile: () throws(EngineError) -> Void) throws(EngineError) {
        let total = framing.frameCount(sampleCount: sampleCount)
        while finishedFrames < total {
            let left = Int(total - finishedFrames)
            padSignal(toFrames: min(left, plan.segmentFrames))
            guard left <= plan.segmentFrames else {
                try runSegment(meanwhile: meanwhile)
                continue
            }
            if left > carriedFrames {
                segment.clearMagnitudes(from: left)
                try estimate(frames: left, meanwhile)
            } else {
                segment.takeFormer()
            }
            try synthesise(frames: left)
        }
    }

    private func padSignal(toFrames frames: Int) {
        let needed = frames * Framing.hop + Framing.carrySamples
        guard needed > signalCount else { return }
        for channel in lanes.indices {
            UnsafeMutableBufferPointer(
                rebasing: signal.plane(channel)[signalCount..<needed]
            ).update(repeating: 0)
        }
        signalCount = needed
    }

    /// Brings the first `frames` rows of the segment to estimates.
    private func estimate(frames: Int, _ meanwhile: () throws(EngineError) -> Void) throws(EngineError) {
        let (carried, new) = (carriedFrames, frames - carriedFrames)
        try parts.team.run(lanes.count) { [self] channel in
            let start = carried * Framing.hop
            let needed = new * Framing.hop + Framing.carrySamples
            lanes[channel].analyse(
                signal.values(channel, from: start, count: needed), rows: carried..<frames, into: segment)
        }
        parts.team.start(runs.count) { [self] (stem) throws(EngineError) in
            try parts.clock.measure(.network) { () throws(EngineError) in
                try runs[stem].estimate(
                    segment.magnitudes, into: segment.estimate(stem), cancellation: parts.cancellation)
            }
        }
        // The team works on this object's buffers: it must have ended before an error may leave.
        let failure: EngineError?
        do throws(EngineError) {
            try meanwhile()
            failure = nil
        } catch {
            failure = error
        }
        try parts.team.wait()
        if let failure { throw failure }
        if carried > 0 { parts.clock.measure(.mask) { segment.crossFade() } }
    }

    /// Adds the stems of the segment's first `frames` rows to the accumulator and moves on.
    private func synthesise(frames: Int) throws(EngineError) {
        let position = finishedFrames * Int64(Framing.hop) - Int64(framing.leadSamples)
        let channels = lanes.count
        let accumulator = parts.accumulator
        try parts.team.run(channels) { [self] channel in
            lanes[channel].synthesise(frames: frames, from: segment) { stem, first, samples in
                accumulator.add(
                    samples, gain: gain, plane: stem * channels + channel, at: position + Int64(first))
            }
            if parts.keepsMix && pass == 0 {
                accumulator.add(
                    signal.values(channel, count: frames * Framing.hop), gain: 1,
                    plane: runs.count * channels + channel, at: position)
            }
        }
        let consumed = frames * Framing.hop
        signalCount -= consumed
        for channel in lanes.indices {
            moveToFront(signal.plane(channel), from: consumed, count: signalCount)
        }
        finishedFrames += Int64(frames)
        accumulator.advance(pass: pass, to: position + Int64(consumed))
    }
}
