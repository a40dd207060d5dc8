/// Rounds float samples to integers of a given word length, with triangular dither, and counts what clips.
///
/// Dither: the sum of two uniform variables of one step each (variance ½ step²), which makes the error's mean and
/// power independent of the signal (Lipshitz, Wannamaker, Vanderkooy, JAES 40(5), 1992). The same seed gives the
/// same bytes.
struct Quantiser {
    private let scale: Float
    private let highest: Float
    private let dithers: Bool
    private var state: UInt64
    private(set) var clippedCount: Int64 = 0

    init(bits: Int, dithers: Bool, seed: UInt64) {
        scale = Float(1 << (bits - 1))
        highest = Float((1 << (bits - 1)) - 1)
        self.dithers = dithers
        // xorshift has no zero state.
        state = seed == 0 ? 1 : seed
    }

    mutating func quantise(_ sample: Float) -> Int32 {
        if sample > 1 || sample < -1 { clippedCount += 1 }
        var value = sample * scale
        if dithers { value += noise() }
        return Int32(max(-scale, min(highest, value.rounded())))
    }

    /// xorshift64 (Marsaglia, J. Stat. Software 8(14), 2003): two 24-bit halves, each 0 ..< 1.
    private mutating func noise() -> Float {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        let first = Float(state >> 40)
        let second = Float(state >> 16 & 0xFF_FFFF)
        return (first - second) * (1 / 16_777_216)
    }
}
