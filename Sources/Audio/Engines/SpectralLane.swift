internal import Kernels

/// One channel's half of a separation: its spectrogram, and the way back for each stem.
final class SpectralLane: @unchecked Sendable {
    // SAFETY: one task of a round works on one lane; between rounds only the engine's thread does.
    static let framesPerChunk = 64

    private let channel: Int
    private let knownBins: Int
    private let clock: StageClock
    private var stft: STFT
    private var spectrum: Spectrum
    private var mask: RatioMask
    private var masked: Spectrum
    private let inverses: [Inverse]
    private let samples = FloatPlanes(planes: 1, capacity: framesPerChunk * Framing.hop)

    private final class Inverse {
        var transform: InverseSTFT

        init(_ instructions: InstructionSet) throws(KernelError) {
            transform = try InverseSTFT(size: Framing.windowSize, hop: Framing.hop, instructions: instructions)
        }
    }

    init(
        channel: Int, stems: Int, segmentFrames: Int, knownBins: Int, clock: StageClock,
        instructions: InstructionSet
    ) throws(EngineError) {
        self.channel = channel
        self.knownBins = knownBins
        self.clock = clock
        spectrum = Spectrum(planes: 1, frames: segmentFrames, bins: Framing.binCount)
        masked = Spectrum(planes: stems, frames: Self.framesPerChunk, bins: Framing.binCount)
        do throws(KernelError) {
            stft = try STFT(size: Framing.windowSize, hop: Framing.hop, instructions: instructions)
            mask = try RatioMask(
                sources: stems, knownBins: knownBins, bins: Framing.binCount, instructions: instructions)
            var made: [Inverse] = []
            for _ in 0..<stems { made.append(try Inverse(instructions)) }
            inverses = made
        } catch {
            throw .computation(cause: "\(error)")
        }
    }

    /// Analyses rows `rows` of the segment from `signal` and writes their magnitudes.
    func analyse(_ signal: UnsafeBufferPointer<Float>, rows: Range<Int>, into segment: SegmentBuffers) {
        clock.measure(.stft) {
            stft.process(signal, frames: rows.count, into: &spectrum, at: rows.lowerBound)
            spectrum.magnitudes(
                frames: rows, bins: knownBins, into: segment.magnitudes(channel: channel, from: rows.lowerBound))
        }
    }

    /// Masks the first `frames` rows, brings them back to samples and hands each stem's to `receive`.
    func synthesise(
        frames: Int, from segment: SegmentBuffers,
        receive: (_ stem: Int, _ firstSample: Int, UnsafeBufferPointer<Float>) -> Void
    ) {
        for start in stride(from: 0, to: frames, by: Self.framesPerChunk) {
            let rows = start..<min(start + Self.framesPerChunk, frames)
            let estimates = inverses.indices.map {
                UnsafeBufferPointer(segment.estimate($0, channel: channel, from: start))
            }
            clock.measure(.mask) {
                mask.apply(estimates: estimates, frames: rows, mixture: spectrum, into: &masked, at: 0)
            }
            clock.measure(.istft) {
                for (stem, inverse) in inverses.enumerated() {
                    inverse.transform.process(
                        masked, plane: stem, frames: 0..<rows.count, into: samples.plane(0))
                    receive(stem, start * Framing.hop, samples.values(0, count: rows.count * Framing.hop))
                }
            }
        }
    }

    /// Moves rows `rows` to the front: the next segment begins with them.
    func keep(rows: Range<Int>) {
        let stride = spectrum.frameStride
        moveToFront(spectrum.real(plane: 0), from: rows.lowerBound * stride, count: rows.count * stride)
        moveToFront(spectrum.imaginary(plane: 0), from: rows.lowerBound * stride, count: rows.count * stride)
    }
}

/// What passes between the analysis, the networks and the synthesis of one segment.
final class SegmentBuffers: @unchecked Sendable {
    // SAFETY: a round's tasks touch one channel or one stem each; between rounds only the engine's thread does.
    private let plan: SegmentPlan
    private let bins: Int
    private let channels: Int
    private let input: FloatPlanes
    private let estimates: FloatPlanes
    private let tails: FloatPlanes

    init(plan: SegmentPlan, bins: Int, stems: Int, channels: Int) {
        self.plan = plan
        self.bins = bins
        self.channels = channels
        input = FloatPlanes(planes: 1, capacity: channels * plan.segmentFrames * bins)
        estimates = FloatPlanes(planes: stems, capacity: channels * plan.segmentFrames * bins)
        tails = FloatPlanes(planes: stems, capacity: channels * plan.sharedFrames * bins)
    }

    /// The networks' input: (channel, frame, bin).
    var magnitudes: UnsafeBufferPointer<Float> { UnsafeBufferPointer(input.all) }

    /// A channel's rows of the input from `frame` on.
    func magnitudes(channel: Int, from frame: Int) -> UnsafeMutableBufferPointer<Float> {
        rows(of: input.plane(0), channel, from: frame, frames: plan.segmentFrames)
    }

    /// A network's output, the input's shape.
    func estimate(_ stem: Int) -> UnsafeMutableBufferPointer<Float> { estimates.plane(stem) }

    func estimate(_ stem: Int, channel: Int, from frame: Int) -> UnsafeMutableBufferPointer<Float> {
        rows(of: estimates.plane(stem), channel, from: frame, frames: plan.segmentFrames)
    }

    /// Silences the input behind its first `frames` rows: the song has ended there.
    func clearMagnitudes(from frame: Int) {
        for channel in 0..<channels { magnitudes(channel: channel, from: frame).update(repeating: 0) }
    }

    /// Moves the input's rows from `frame` on to the front and remembers what the networks said about them.
    func carry(from frame: Int) {
        let count = (plan.segmentFrames - frame) * bins
        for channel in 0..<channels {
            moveToFront(magnitudes(channel: channel, from: 0), from: frame * bins, count: count)
            for stem in 0..<tails.planeCount {
                _ = tail(stem, channel).update(fromContentsOf: estimate(stem, channel: channel, from: frame))
            }
        }
    }

    /// Fades from the former segment's estimates of the first rows to this one's.
    func crossFade() {
        for stem in 0..<tails.planeCount {
            for channel in 0..<channels {
                let (former, later) = (tail(stem, channel), estimate(stem, channel: channel, from: 0))
                for frame in 0..<plan.sharedFrames {
                    let weight = plan.laterWeight(at: frame)
                    for index in frame * bins..<(frame + 1) * bins {
                        later[index] = former[index] + weight * (later[index] - former[index])
                    }
                }
            }
        }
    }

    /// Takes the former segment's estimates of the first rows as they are: no later segment covers them.
    func takeFormer() {
        for stem in 0..<tails.planeCount {
            for channel in 0..<channels {
                _ = estimate(stem, channel: channel, from: 0).update(fromContentsOf: tail(stem, channel))
            }
        }
    }

    private func tail(_ stem: Int, _ channel: Int) -> UnsafeMutableBufferPointer<Float> {
        rows(of: tails.plane(stem), channel, from: 0, frames: plan.sharedFrames)
    }

    private func rows(
        of plane: UnsafeMutableBufferPointer<Float>, _ channel: Int, from frame: Int, frames: Int
    ) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(
            rebasing: plane[(channel * frames + frame) * bins..<(channel + 1) * frames * bins])
    }
}
