import Kernels
import Testing

@Suite struct InverseSTFTTests {
    /// The way there and back, `chunk` frames at a time: as many samples as the frames cover.
    static func roundTrip(
        _ signal: [Float], size: Int, hop: Int, chunk: Int = .max, _ instructions: InstructionSet = .automatic
    ) throws -> [Float] {
        let spectrum = try analyse(signal, size: size, hop: hop, instructions)
        var inverse = try InverseSTFT(size: size, hop: hop, instructions: instructions)
        return synthesise(spectrum, with: &inverse, chunk: chunk)
    }

    static func synthesise(
        _ spectrum: borrowing Spectrum, with inverse: inout InverseSTFT, chunk: Int = .max
    ) -> [Float] {
        let hop = inverse.hop
        var output = [Float](repeating: .nan, count: spectrum.frames * hop + inverse.tailCount)
        output.withUnsafeMutableBufferPointer { output in
            var frame = 0
            while frame < spectrum.frames {
                let end = frame + min(chunk, spectrum.frames - frame)
                inverse.process(
                    spectrum, frames: frame..<end,
                    into: UnsafeMutableBufferPointer(rebasing: output[(frame * hop)..<(end * hop)]))
                frame = end
            }
            inverse.finish(into: UnsafeMutableBufferPointer(rebasing: output[(frame * hop)...]))
        }
        return output
    }

    @Test(
        arguments: [(4096, 1024), (2048, 512), (2048, 1024), (1024, 100), (128, 64)], availableInstructions)
    func `a round trip keeps 120 dB`(shape: (size: Int, hop: Int), instructions: InstructionSet) throws {
        let signal = Noise.samples(shape.size + 40 * shape.hop, seed: 20)
        let back = try Self.roundTrip(signal, size: shape.size, hop: shape.hop, instructions)
        #expect(back.count == signal.count)
        // The outermost samples, where the only window is near zero, fade out by design.
        let inner = shape.size / 4..<signal.count - shape.size / 4
        #expect(signalToNoiseDecibels(signal[inner], back[inner]) > 120)
    }

    @Test func `a stream shorter than a window comes back too`() throws {
        let signal = Noise.samples(4096 + 1024, seed: 21)
        let back = try Self.roundTrip(signal, size: 4096, hop: 1024)
        let inner = 1024..<signal.count - 1024
        #expect(signalToNoiseDecibels(signal[inner], back[inner]) > 120)
    }

    @Test(arguments: [1, 3, 7])
    func `the output does not depend on how the frames are cut`(chunk: Int) throws {
        let signal = Noise.samples(2048 + 19 * 512, seed: 22)
        let whole = try Self.roundTrip(signal, size: 2048, hop: 512)
        #expect(try Self.roundTrip(signal, size: 2048, hop: 512, chunk: chunk) == whole)
    }

    @Test func `the outermost samples never grow beyond the signal`() throws {
        let signal = [Float](repeating: 1, count: 4096 + 8 * 1024)
        let back = try Self.roundTrip(signal, size: 4096, hop: 1024)
        #expect(back.allSatisfy { $0 > -1e-5 && $0 < 1.0001 })
        #expect(back[0] == 0)
    }

    @Test func `after finish or reset nothing of the old stream is left`() throws {
        let first = try analyse(Noise.samples(512 + 9 * 128, seed: 23), size: 512, hop: 128)
        let second = try analyse(Noise.samples(512 + 9 * 128, seed: 24), size: 512, hop: 128)
        var fresh = try InverseSTFT(size: 512, hop: 128)
        let expected = Self.synthesise(second, with: &fresh)
        var used = try InverseSTFT(size: 512, hop: 128)
        _ = Self.synthesise(first, with: &used)
        #expect(Self.synthesise(second, with: &used) == expected)
        var scratch = [Float](repeating: 0, count: 5 * 128)
        scratch.withUnsafeMutableBufferPointer { used.process(first, frames: 0..<5, into: $0) }
        used.reset()
        #expect(Self.synthesise(second, with: &used) == expected)
    }

    @Test func `silence stays exact silence`() throws {
        let back = try Self.roundTrip([Float](repeating: 0, count: 16384), size: 4096, hop: 1024)
        #expect(back.allSatisfy { $0 == 0 })
    }

    @Test(.enabled(if: InstructionSet.avx2.isAvailable))
    func `AVX2 agrees with plain C to 1e-6`() throws {
        let signal = Noise.samples(4096 + 12 * 1024, seed: 25)
        let scalar = try Self.roundTrip(signal, size: 4096, hop: 1024, .scalar)
        let simd = try Self.roundTrip(signal, size: 4096, hop: 1024, .avx2)
        let inner = 1024..<signal.count - 1024
        #expect(greatestDifference(scalar[inner], simd[inner]) < 1e-6)
    }

    @Test(arguments: [(4096, 2049), (4096, 0), (1000, 250)])
    func `a size or hop out of range is refused`(size: Int, hop: Int) throws {
        #expect(try isInvalidArgument { _ = try InverseSTFT(size: size, hop: hop) })
    }
}
