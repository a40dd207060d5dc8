/// Whether content comes too slowly, measured over the time that it was waited for: a slow handler is no fault of
/// the peer.
struct BodyRate {
    private var waitedNanoseconds: UInt64 = 0
    private var byteCount = 0
    private var waitingSince: UInt64?

    mutating func waitBegins(at now: UInt64) { if waitingSince == nil { waitingSince = now } }

    mutating func waitEnds(at now: UInt64) {
        if let waitingSince { waitedNanoseconds += now - waitingSince }
        waitingSince = nil
    }

    /// `count` bytes came.
    mutating func received(_ count: Int) { byteCount += count }

    func isTooSlow(bytesPerSecondMin: Double, graceSeconds: Double) -> Bool {
        let seconds = Double(waitedNanoseconds) / 1e9
        return seconds > graceSeconds && Double(byteCount) < bytesPerSecondMin * seconds
    }
}
