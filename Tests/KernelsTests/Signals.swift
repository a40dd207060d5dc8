internal import Glibc
import Kernels

/// Seeded test signals: SplitMix64, so that every run sees the same numbers.
struct Noise {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// Uniform in −1..<1.
    mutating func next() -> Float {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Float(z >> 40) / 8_388_608 - 1
    }

    static func samples(_ count: Int, seed: UInt64) -> [Float] {
        var noise = Noise(seed: seed)
        return (0..<count).map { _ in noise.next() }
    }
}

/// One bin of the discrete Fourier transform, by its definition, in double.
func transformBin(_ k: Int, of signal: [Double]) -> (real: Double, imaginary: Double) {
    var real = 0.0
    var imaginary = 0.0
    for (n, x) in signal.enumerated() {
        let angle = -2 * Double.pi * Double(k * n % signal.count) / Double(signal.count)
        real += x * cos(angle)
        imaginary += x * sin(angle)
    }
    return (real, imaginary)
}

/// 10·log10(Σ reference² / Σ (reference − actual)²).
func signalToNoiseDecibels(_ reference: some Sequence<Float>, _ actual: some Sequence<Float>) -> Double {
    var signal = 0.0
    var noise = 0.0
    for (x, y) in zip(reference, actual) {
        signal += Double(x) * Double(x)
        noise += (Double(x) - Double(y)) * (Double(x) - Double(y))
    }
    return 10 * log10(signal / noise)
}

/// The largest |a − b|.
func greatestDifference(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Float {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

/// Whether `body` is refused for a parameter out of range.
func isInvalidArgument(_ body: () throws -> Void) throws -> Bool {
    do {
        try body()
        return false
    } catch KernelError.invalidArgument { return true }
}
