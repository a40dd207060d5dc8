/// The admissions of one key, and whether one more fits: time in, decision out, no clock.
///
/// A log of when each was admitted. Up to `runsMax` in a window it is exact to the millisecond. Above that, admissions
/// within one part of `runsMax` of the window share a run, which leaves when its last one does: so never more than the
/// limit is admitted in any window, and nobody waits longer than that part beyond what exactness would ask.
struct SlidingWindow: Sendable {
    /// Runs that the log distinguishes in a window; with the two at its edges, they bound its memory.
    static let runsMax = 64

    enum Decision: Hashable, Sendable {
        /// - Parameter renewal: milliseconds until the oldest admission leaves the window.
        case admitted(remaining: Int, renewal: Int64)
        /// - Parameter wait: milliseconds after which one is admitted, if none is before.
        case refused(wait: Int64)
    }

    /// Times are of 32 bits: they only tell apart what lies within two windows.
    private struct Run {
        var last: UInt32
        var count: UInt32
    }

    private var runs: [Run] = []
    private var total = 0
    private var newestFirst: UInt32 = 0
    private var lastAdmission = Int64.min

    /// Whether every admission has left the window.
    func isIdle(at now: Int64, window: Int64) -> Bool { lastAdmission == .min || now - lastAdmission >= window }

    /// Counts one admission at `now`, if it fits.
    /// - Parameter now: milliseconds, never less than before.
    mutating func admit(at now: Int64, count: Int, window: Int64) -> Decision {
        forget(at: now, window: window)
        let present = UInt32(truncatingIfNeeded: now)
        guard total < count else { return .refused(wait: expiry(of: runs[0], present, window)) }
        if count > Self.runsMax, !runs.isEmpty, Int64(present &- newestFirst) < window / Int64(Self.runsMax) {
            runs[runs.count - 1].last = present
            runs[runs.count - 1].count += 1
        } else {
            runs.append(Run(last: present, count: 1))
            newestFirst = present
        }
        total += 1
        lastAdmission = now
        return .admitted(remaining: count - total, renewal: expiry(of: runs[0], present, window))
    }

    /// How many `admit` would let pass at once, and the milliseconds until more do.
    func standing(at now: Int64, count: Int, window: Int64) -> (remaining: Int, renewal: Int64) {
        guard !isIdle(at: now, window: window) else { return (count, window) }
        let present = UInt32(truncatingIfNeeded: now)
        var remaining = count - total
        for run in runs {
            let renewal = expiry(of: run, present, window)
            if renewal > 0 { return (remaining, renewal) }
            remaining += Int(run.count)
        }
        return (count, window)
    }

    private func expiry(of run: Run, _ present: UInt32, _ window: Int64) -> Int64 {
        window - Int64(present &- run.last)
    }

    private mutating func forget(at now: Int64, window: Int64) {
        guard total > 0 else { return }
        guard !isIdle(at: now, window: window) else {
            runs.removeAll(keepingCapacity: true)
            total = 0
            return
        }
        let present = UInt32(truncatingIfNeeded: now)
        var gone = 0
        while Int64(present &- runs[gone].last) >= window {
            total -= Int(runs[gone].count)
            gone += 1
        }
        if gone > 0 { runs.removeFirst(gone) }
    }
}
