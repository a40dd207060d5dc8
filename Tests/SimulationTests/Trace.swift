/// What happened in a run: a hash of everything, the number of each kind of event, and on demand the lines.
///
/// SAFETY: only touched by the run's one thread at a time.
final class Trace: @unchecked Sendable {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var counts: [String: Int] = [:]
    private(set) var lines: [String] = []
    private let keepsLines: Bool
    /// The run is over: what is heard now is of its burial.
    var isClosed = false

    init(keepsLines: Bool) { self.keepsLines = keepsLines }

    func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x0000_0100_0000_01B3 }

    /// Counts an event of a kind.
    func count(_ kind: String, _ number: Int = 1) {
        guard !isClosed else { return }
        counts[kind, default: 0] += number
    }

    /// - Parameter detail: built for those who read along only, and so not part of the hash.
    func note(_ kind: String, at seconds: Double, _ detail: @autoclosure () -> String = "") {
        guard !isClosed else { return }
        count(kind)
        for byte in kind.utf8 { mix(UInt64(byte)) }
        mix(UInt64(seconds * 1e6))
        if keepsLines { lines.append("\(Self.padded(seconds)) \(kind) \(detail())") }
    }

    private static func padded(_ seconds: Double) -> String {
        let milliseconds = Int(seconds * 1000)
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
