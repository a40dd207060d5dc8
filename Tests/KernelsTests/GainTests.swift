import Kernels
import Testing

@Suite struct GainTests {
    /// Around the vector widths, where tails go wrong.
    static let counts = [0, 1, 7, 8, 9, 31, 33, 1000]

    static func peak(_ samples: [Float], _ instructions: InstructionSet) -> Float {
        samples.withUnsafeBufferPointer { Gain.peak($0, instructions: instructions) }
    }

    @Test(arguments: counts, availableInstructions)
    func `the peak is the greatest absolute value`(count: Int, instructions: InstructionSet) {
        let samples = Noise.samples(count, seed: 40)
        #expect(Self.peak(samples, instructions) == samples.reduce(0) { max($0, abs($1)) })
        for at in samples.indices {
            var one = samples
            one[at] = -3
            #expect(Self.peak(one, instructions) == 3)
        }
    }

    @Test(arguments: availableInstructions)
    func `a peak of rubbish shows it`(instructions: InstructionSet) {
        var samples = Noise.samples(50, seed: 41)
        samples[20] = -.infinity
        #expect(Self.peak(samples, instructions) == .infinity)
        samples[3] = .nan
        #expect(Self.peak(samples, instructions).isNaN)
    }

    @Test(arguments: counts, availableInstructions)
    func `gain scales each sample`(count: Int, instructions: InstructionSet) {
        let samples = Noise.samples(count, seed: 42)
        var scaled = samples
        scaled.withUnsafeMutableBufferPointer { Gain.apply(0.3, to: $0, instructions: instructions) }
        #expect(scaled == samples.map { $0 * 0.3 })
    }

    @Test(arguments: counts, availableInstructions)
    func `the mixture less its stems is the residual`(count: Int, instructions: InstructionSet) {
        let mixture = Noise.samples(count, seed: 43)
        let stems = [Noise.samples(count, seed: 44), Noise.samples(count, seed: 45)]
        var residual = mixture
        for stem in stems {
            stem.withUnsafeBufferPointer { stem in
                residual.withUnsafeMutableBufferPointer {
                    Gain.add(stem, gain: -1, to: $0, instructions: instructions)
                }
            }
        }
        #expect(residual == mixture.indices.map { mixture[$0] - stems[0][$0] - stems[1][$0] })
    }

    @Test(arguments: [1, 2, 3, 8], availableInstructions)
    func `interleaving places every sample, and deinterleaving brings it back`(
        channels: Int, instructions: InstructionSet
    ) {
        let frames = 37
        let planes = (0..<channels).map { c in Samples((0..<frames).map { Float(c * 100 + $0) }) }
        let interleaved = Samples(count: frames * channels)
        let back = planes.map { _ in Samples(count: frames) }
        defer { withExtendedLifetime((planes, interleaved, back)) {} }
        Gain.interleave(planes.map(\.values), into: interleaved.elements, instructions: instructions)
        let expected = (0..<frames).flatMap { n in (0..<channels).map { Float($0 * 100 + n) } }
        #expect(interleaved.values.elementsEqual(expected))
        Gain.deinterleave(interleaved.values, into: back.map(\.elements), instructions: instructions)
        for (one, other) in zip(planes, back) { #expect(one.values.elementsEqual(other.values)) }
    }
}
