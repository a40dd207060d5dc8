internal import Core
internal import Synchronization

/// Whose credentials were looked up a moment ago. What it says is a guess: only for transactions that check it.
final class RecentCallers: Sendable {
    /// Short, so that keys are looked up, and their use is noted, again and again.
    private static let secondsMax: UInt64 = 10
    private static let countMax = 10_000

    private struct Entry {
        let principal: Principal
        /// By `monotonicNanoseconds`.
        let until: UInt64
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// On the authority of the holder of a credential that was `accountID`'s.
    func principal(credentialSHA256: String) -> Principal? {
        entries.withLock { entries -> Principal? in
            guard let entry = entries[credentialSHA256] else { return nil }
            if entry.until > monotonicNanoseconds() { return entry.principal }
            entries[credentialSHA256] = nil
            return nil
        }
    }

    func forget(credentialSHA256: String) { entries.withLock { $0[credentialSHA256] = nil } }

    func remember(_ principal: Principal, credentialSHA256: String) {
        var principal = principal
        principal.authority = principal.authority.vouched(for: principal.accountID)
        let entry = Entry(principal: principal, until: monotonicNanoseconds() + Self.secondsMax * 1_000_000_000)
        entries.withLock { entries in
            // All at once, which is simple and seldom: they are found again by one look-up each.
            if entries.count >= Self.countMax { entries.removeAll(keepingCapacity: true) }
            entries[credentialSHA256] = entry
        }
    }
}
