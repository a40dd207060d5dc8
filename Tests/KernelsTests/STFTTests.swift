internal import Glibc
import Kernels
import Testing

/// Analysis of a whole array in one call.
func analyse(
    _ signal: [Float], size: Int, hop: Int, _ instructions: InstructionSet = .automatic
) throws -> Spectrum {
    var stft = try STFT(size: size, hop: hop, instructions: instructions)
    let frames = (signal.count - size) / hop + 1
    var spectrum = Spectrum(planes: 1, frames: frames, bins: stft.binCount)
    signal.withUnsafeBufferPointer { stft.process($0, frames: frames, into: &spectrum) }
    return spectrum
}

@Suite struct STFTTests {
    @Test(arguments: availableInstructions)
    func `a frame is the transform of the signal under a periodic Hann window`(instructions: InstructionSet) throws {
        let size = 256
        let hop = 96
        let signal = Noise.samples(size + 4 * hop, seed: 10)
        let spectrum = try analyse(signal, size: size, hop: hop, instructions)
        #expect(spectrum.frames == 5)
        for frame in 0..<spectrum.frames {
            let windowed = (0..<size).map { n in
                Double(signal[frame * hop + n]) * (0.5 - 0.5 * cos(2 * Double.pi * Double(n) / Double(size)))
            }
            for k in 0...size / 2 {
                let expected = transformBin(k, of: windowed)
                let real = spectrum.real(plane: 0, from: frame)[k]
                let imaginary = spectrum.imaginary(plane: 0, from: frame)[k]
                #expect(abs(Double(real) - expected.real) < 2e-5, "frame \(frame), bin \(k)")
                #expect(abs(Double(imaginary) - expected.imaginary) < 2e-5, "frame \(frame), bin \(k)")
            }
        }
    }

    @Test func `frames analysed in pieces equal frames analysed at once`() throws {
        let signal = Noise.samples(512 + 9 * 128, seed: 11)
        let whole = try analyse(signal, size: 512, hop: 128)
        var stft = try STFT(size: 512, hop: 128)
        var pieces = Spectrum(planes: 2, frames: 10, bins: 257)
        signal.withUnsafeBufferPointer { signal in
            stft.process(signal, frames: 3, into: &pieces, plane: 1)
            stft.process(
                UnsafeBufferPointer(rebasing: signal[(3 * 128)...]), frames: 7, into: &pieces, plane: 1, at: 3)
        }
        #expect(pieces.real(plane: 1).elementsEqual(whole.real(plane: 0)))
        #expect(pieces.imaginary(plane: 1).elementsEqual(whole.imaginary(plane: 0)))
        #expect(pieces.real(plane: 0).allSatisfy { $0 == 0 })
    }

    @Test func `frames cover their hops and one window`() throws {
        let stft = try STFT(size: 4096, hop: 1024)
        #expect(stft.sampleCount(frames: 0) == 0)
        #expect(stft.sampleCount(frames: 1) == 4096)
        #expect(stft.sampleCount(frames: 512) == 4096 + 511 * 1024)
    }

    @Test(arguments: [(100, 25), (4096, 0), (4096, -1), (4096, 4097), (32, 8), (1 << 17, 1024)])
    func `a size or hop out of range is refused`(size: Int, hop: Int) throws {
        #expect(try isInvalidArgument { _ = try STFT(size: size, hop: hop) })
    }
}
