import Support

/// The run's random choices.
struct Dice {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        // Neighbouring seeds differ from the first throw on.
        _ = generator.next()
    }

    mutating func next() -> UInt64 { generator.next() }

    /// 0..<count
    mutating func below(_ count: Int) -> Int { Int(generator.next() % UInt64(max(count, 1))) }

    /// 0..<1
    mutating func unit() -> Double { Double(generator.next() >> 11) / 9_007_199_254_740_992 }

    mutating func chance(_ probability: Double) -> Bool { unit() < probability }

    mutating func seconds(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + unit() * (range.upperBound - range.lowerBound)
    }

    mutating func one<Value>(of values: [Value]) -> Value { values[below(values.count)] }
}
