internal import Core
internal import Synchronization

/// How many uploads each account has under way, so that none can fill the disk with what it never submits.
final class UploadGate: Sendable {
    private let countMax: Int
    private let underWay = Mutex<[AccountID: Int]>([:])

    init(countMax: Int) { self.countMax = countMax }

    /// - Returns: false if the account has as many uploads under way as it may; else `leave` must follow.
    func enter(_ account: AccountID) -> Bool {
        underWay.withLock { underWay in
            guard underWay[account, default: 0] < countMax else { return false }
            underWay[account, default: 0] += 1
            return true
        }
    }

    func leave(_ account: AccountID) {
        underWay.withLock { underWay in
            let left = underWay[account, default: 0] - 1
            underWay[account] = left > 0 ? left : nil
        }
    }
}
