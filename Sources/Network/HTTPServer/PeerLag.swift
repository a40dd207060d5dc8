/// How far a peer is behind the least rate that it must keep: the lag grows with the time that it is waited for and
/// shrinks with every byte. A slow handler is no fault of the peer, and haste earns no credit to be slow on later.
struct PeerLag {
    private(set) var seconds = 0.0
    private var waitingSince: UInt64?

    mutating func waitBegins(at now: UInt64) { if waitingSince == nil { waitingSince = now } }

    mutating func waitEnds(at now: UInt64) {
        if let waitingSince { seconds += Double(now - waitingSince) / 1e9 }
        waitingSince = nil
    }

    /// `count` bytes, at least one, came over during the wait, which goes on.
    mutating func moved(_ count: Int, at now: UInt64, bytesPerSecondMin: Double) {
        waitEnds(at: now)
        waitBegins(at: now)
        seconds = max(0, seconds - Double(count) / bytesPerSecondMin)
    }
}
