import Kernels
import Testing

@Suite struct RatioMaskTests {
    struct Shape: Sendable {
        var sources = 2
        var known = 1024
        var bins = 2049
        var frames = 3
    }

    static let shapes = [
        Shape(), Shape(sources: 1, known: 5, bins: 5, frames: 2), Shape(sources: 4, known: 37, bins: 65, frames: 5),
        Shape(sources: 16, known: 1, bins: 40, frames: 1),
    ]

    /// Network-like estimates: not negative, over many orders of magnitude, with exact zeros.
    static func estimates(_ shape: Shape, seed: UInt64) -> [[Float]] {
        (0..<shape.sources).map { source in
            Noise.samples(shape.frames * shape.known, seed: seed + UInt64(source)).map { x in
                x < -0.8 ? 0 : x * x * x * x * 100
            }
        }
    }

    /// The masks by their definition, in double.
    static func expected(_ estimates: [[Float]], _ shape: Shape) -> [[Double]] {
        let epsilon = 1e-10
        return estimates.map { own in
            (0..<shape.frames).flatMap { frame in
                let row = (0..<shape.known).map { bin in
                    let at = frame * shape.known + bin
                    let sum = estimates.reduce(0.0) { $0 + Double($1[at]) * Double($1[at]) }
                    return (Double(own[at]) * Double(own[at]) + epsilon / Double(shape.sources)) / (sum + epsilon)
                }
                let mean = row.reduce(0, +) / Double(shape.known)
                return row + [Double](repeating: mean, count: shape.bins - shape.known)
            }
        }
    }

    static func masks(_ estimates: [[Float]], _ shape: Shape, _ instructions: InstructionSet) throws -> [[Float]] {
        var mask = try RatioMask(
            sources: shape.sources, knownBins: shape.known, bins: shape.bins, instructions: instructions)
        let inputs = estimates.map { Samples($0) }
        let outputs = estimates.map { _ in Samples(count: shape.frames * shape.bins) }
        defer { withExtendedLifetime((inputs, outputs)) {} }
        mask.masks(estimates: inputs.map(\.values), frames: shape.frames, into: outputs.map(\.elements))
        return outputs.map { Array($0.values) }
    }

    @Test(arguments: shapes, availableInstructions)
    func `masks equal their definition to 1e-6`(shape: Shape, instructions: InstructionSet) throws {
        let estimates = Self.estimates(shape, seed: 30)
        let expected = Self.expected(estimates, shape)
        let actual = try Self.masks(estimates, shape, instructions)
        for (own, wanted) in zip(actual, expected) {
            #expect(zip(own, wanted).allSatisfy { abs(Double($0) - $1) < 1e-6 })
        }
    }

    @Test(arguments: availableInstructions)
    func `the masks of a bin sum to one, also in silence`(instructions: InstructionSet) throws {
        let shape = Shape(sources: 3, known: 100, bins: 201, frames: 2)
        let silent = [[Float]](repeating: [Float](repeating: 0, count: 200), count: 3)
        for estimates in [Self.estimates(shape, seed: 31), silent] {
            let masks = try Self.masks(estimates, shape, instructions)
            for bin in masks[0].indices {
                #expect(abs(masks.reduce(0) { $0 + $1[bin] } - 1) < 1e-6)
            }
        }
    }

    @Test(arguments: availableInstructions)
    func `each source is its mask times the mixture`(instructions: InstructionSet) throws {
        let shape = Shape(sources: 2, known: 40, bins: 65, frames: 4)
        let signal = Noise.samples(128 + 5 * 32, seed: 32)
        let mixture = try analyse(signal, size: 128, hop: 32)
        let estimates = Self.estimates(shape, seed: 33)
        let masks = try Self.masks(estimates, shape, instructions)
        var mask = try RatioMask(sources: 2, knownBins: 40, bins: 65, instructions: instructions)
        var output = Spectrum(planes: 2, frames: 6, bins: 65)
        let inputs = estimates.map { Samples($0) }
        defer { withExtendedLifetime(inputs) {} }
        mask.apply(estimates: inputs.map(\.values), frames: 1..<5, mixture: mixture, into: &output, at: 2)
        for source in 0..<2 {
            for frame in 0..<4 {
                for bin in 0..<65 {
                    let factor = masks[source][frame * 65 + bin]
                    let real = factor * mixture.real(plane: 0, from: frame + 1)[bin]
                    let imaginary = factor * mixture.imaginary(plane: 0, from: frame + 1)[bin]
                    #expect(output.real(plane: source, from: frame + 2)[bin] == real)
                    #expect(output.imaginary(plane: source, from: frame + 2)[bin] == imaginary)
                }
            }
            #expect(output.real(plane: source)[0..<(2 * output.frameStride)].allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: availableInstructions)
    func `magnitudes fill packed rows of the network's bins`(instructions: InstructionSet) throws {
        let spectrum = try analyse(Noise.samples(256 + 3 * 64, seed: 34), size: 256, hop: 64)
        let rows = FloatBuffer(count: 2 * 100)
        spectrum.magnitudes(frames: 1..<3, bins: 100, into: rows.elements, instructions: instructions)
        for frame in 0..<2 {
            for bin in 0..<100 {
                let real = Double(spectrum.real(plane: 0, from: frame + 1)[bin])
                let imaginary = Double(spectrum.imaginary(plane: 0, from: frame + 1)[bin])
                let expected = (real * real + imaginary * imaginary).squareRoot()
                #expect(abs(Double(rows.values[frame * 100 + bin]) - expected) <= 3e-7 * expected)
            }
        }
    }

    @Test(arguments: [(0, 4, 8), (17, 4, 8), (2, 0, 8), (2, 9, 8), (-1, 4, 8), (2, 1, 0)])
    func `sources or bins out of range are refused`(sources: Int, known: Int, bins: Int) throws {
        #expect(try isInvalidArgument { _ = try RatioMask(sources: sources, knownBins: known, bins: bins) })
    }
}

/// Float memory with a copyable owner, for tests that need a list of buffers. Whoever takes its pointers extends its
/// lifetime.
final class Samples {
    private let buffer: FloatBuffer

    var elements: UnsafeMutableBufferPointer<Float> { buffer.elements }
    var values: UnsafeBufferPointer<Float> { buffer.values }

    init(count: Int) { buffer = FloatBuffer(count: count) }

    convenience init(_ values: [Float]) {
        self.init(count: values.count)
        _ = elements.update(fromContentsOf: values)
    }
}
