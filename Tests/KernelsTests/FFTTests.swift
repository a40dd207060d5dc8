internal import Glibc
import Kernels
import Testing

@Suite struct FFTTests {
    /// Runs one forward transform over arrays.
    static func forward(_ signal: [Float], _ instructions: InstructionSet) throws -> (real: [Float], imag: [Float]) {
        var fft = try FFT(size: signal.count, instructions: instructions)
        var real = [Float](repeating: .nan, count: fft.binCount)
        var imaginary = real
        signal.withUnsafeBufferPointer { signal in
            real.withUnsafeMutableBufferPointer { real in
                imaginary.withUnsafeMutableBufferPointer { fft.forward(signal, real: real, imaginary: $0) }
            }
        }
        return (real, imaginary)
    }

    static func inverse(_ real: [Float], _ imaginary: [Float], _ instructions: InstructionSet) throws -> [Float] {
        var fft = try FFT(size: (real.count - 1) * 2, instructions: instructions)
        var signal = [Float](repeating: .nan, count: fft.size)
        real.withUnsafeBufferPointer { real in
            imaginary.withUnsafeBufferPointer { imaginary in
                signal.withUnsafeMutableBufferPointer { fft.inverse(real: real, imaginary: imaginary, into: $0) }
            }
        }
        return signal
    }

    /// Relative to the spectrum's root mean square: float32 rounding through log2(size) stages is about 1e-7, and the
    /// worst of thousands of bins a few times that.
    static let tolerance = 4e-6

    @Test(arguments: [64, 128, 256, 512, 1024, 2048], availableInstructions)
    func `every bin equals the transform's definition`(size: Int, instructions: InstructionSet) throws {
        let signal = Noise.samples(size, seed: 1)
        let (real, imaginary) = try Self.forward(signal, instructions)
        let exact = signal.map(Double.init)
        let scale = (Double(size) / 3).squareRoot()
        for k in 0...size / 2 {
            let expected = transformBin(k, of: exact)
            #expect(abs(Double(real[k]) - expected.real) < Self.tolerance * scale, "bin \(k)")
            #expect(abs(Double(imaginary[k]) - expected.imaginary) < Self.tolerance * scale, "bin \(k)")
        }
    }

    @Test(arguments: [4096, 8192, 16384, 32768, 65536], availableInstructions)
    func `chosen bins of large sizes equal the transform's definition`(
        size: Int, instructions: InstructionSet
    ) throws {
        let signal = Noise.samples(size, seed: 2)
        let (real, imaginary) = try Self.forward(signal, instructions)
        let exact = signal.map(Double.init)
        let scale = (Double(size) / 3).squareRoot()
        for k in [0, 1, 2, 7, 8, 9, size / 16, size / 8 + 1, size / 4, size / 4 + 1, size / 2 - 8, size / 2] {
            let expected = transformBin(k, of: exact)
            #expect(abs(Double(real[k]) - expected.real) < Self.tolerance * scale, "bin \(k)")
            #expect(abs(Double(imaginary[k]) - expected.imaginary) < Self.tolerance * scale, "bin \(k)")
        }
    }

    @Test(arguments: (6...16).map { 1 << $0 }, availableInstructions)
    func `the inverse of the forward transform is the signal, at 125 dB or better`(
        size: Int, instructions: InstructionSet
    ) throws {
        let signal = Noise.samples(size, seed: 3)
        let (real, imaginary) = try Self.forward(signal, instructions)
        let back = try Self.inverse(real, imaginary, instructions)
        #expect(signalToNoiseDecibels(signal, back) > 125)
    }

    @Test(.enabled(if: InstructionSet.avx2.isAvailable), arguments: (6...16).map { 1 << $0 })
    func `AVX2 agrees with plain C to 4e-6 of the spectrum's root mean square`(size: Int) throws {
        let signal = Noise.samples(size, seed: 4)
        let scalar = try Self.forward(signal, .scalar)
        let simd = try Self.forward(signal, .avx2)
        let bound = Float(Self.tolerance * (Double(size) / 3).squareRoot())
        #expect(greatestDifference(scalar.real, simd.real) < bound)
        #expect(greatestDifference(scalar.imag, simd.imag) < bound)
    }

    @Test(arguments: availableInstructions)
    func `the first and last bins are real, whatever the inverse is given there`(
        instructions: InstructionSet
    ) throws {
        let (real, imaginary) = try Self.forward(Noise.samples(256, seed: 5), instructions)
        #expect(imaginary[0] == 0 && imaginary[128] == 0)
        var disturbed = imaginary
        disturbed[0] = 9
        disturbed[128] = 9
        #expect(try Self.inverse(real, disturbed, instructions) == Self.inverse(real, imaginary, instructions))
    }

    @Test(arguments: [0, -64, 1, 32, 63, 96, 65535, 131072, Int.max])
    func `a size that is not a power of two from 64 to 65536 is refused`(size: Int) throws {
        #expect(try isInvalidArgument { _ = try FFT(size: size) })
    }
}
