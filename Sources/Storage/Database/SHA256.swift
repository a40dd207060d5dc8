/// SHA-256 (FIPS 180-4 §6.2) for the migrations' checksums: this floor has no cryptographic library.
enum SHA256 {
    static func hexadecimal(of message: [UInt8]) -> String {
        var state = initialState
        let padded = padding(message)
        for start in stride(from: 0, to: padded.count, by: 64) {
            compress(padded[start..<start + 64], into: &state)
        }
        return state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    private static func padding(_ message: [UInt8]) -> [UInt8] {
        var padded = message + [0x80]
        padded.append(contentsOf: repeatElement(0, count: (120 - padded.count % 64) % 64))
        let bits = UInt64(message.count) * 8
        padded.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) })
        return padded
    }

    private static func compress(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
        var words = [UInt32](repeating: 0, count: 64)
        for (index, byte) in block.enumerated() { words[index / 4] = words[index / 4] << 8 | UInt32(byte) }
        for index in 16..<64 {
            let early = words[index - 15]
            let late = words[index - 2]
            let small0 = rotated(early, 7) ^ rotated(early, 18) ^ (early >> 3)
            let small1 = rotated(late, 17) ^ rotated(late, 19) ^ (late >> 10)
            words[index] = words[index - 16] &+ small0 &+ words[index - 7] &+ small1
        }
        var work = state
        for index in 0..<64 {
            let big1 = rotated(work[4], 6) ^ rotated(work[4], 11) ^ rotated(work[4], 25)
            let choice = (work[4] & work[5]) ^ (~work[4] & work[6])
            let first = work[7] &+ big1 &+ choice &+ roundConstants[index] &+ words[index]
            let big0 = rotated(work[0], 2) ^ rotated(work[0], 13) ^ rotated(work[0], 22)
            let majority = (work[0] & work[1]) ^ (work[0] & work[2]) ^ (work[1] & work[2])
            let second = big0 &+ majority
            work = [
                first &+ second, work[0], work[1], work[2], work[3] &+ first, work[4], work[5], work[6],
            ]
        }
        for index in 0..<8 { state[index] = state[index] &+ work[index] }
    }

    private static func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }

    /// The first 32 bits of the fractional parts of √2, √3, √5 … √19.
    private static let initialState: [UInt32] = primes.prefix(8).map { fraction(of: Double($0).squareRoot()) }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let roundConstants: [UInt32] = primes.map { fraction(of: cubeRoot(of: Double($0))) }

    private static let primes: [Int] = Array(
        (2...311).filter { number in !(2..<number).contains { number % $0 == 0 } })

    private static func fraction(of value: Double) -> UInt32 {
        UInt32((value - value.rounded(.down)) * 4_294_967_296)
    }

    /// Newton's method: 32 bits of fraction are well within a double's reach below ∛311.
    private static func cubeRoot(of value: Double) -> Double {
        var root = value / 3 + 1
        for _ in 0..<40 { root -= (root * root * root - value) / (3 * root * root) }
        return root
    }
}
