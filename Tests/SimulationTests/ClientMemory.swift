import Core
import Ledger
import Studio

/// What clients were told, and so what must be true.
///
/// SAFETY: only touched by the run's one thread at a time.
final class ClientMemory: @unchecked Sendable {
    struct Accepted {
        var account: AccountID
        var key: String?
        var name: String
    }

    struct Bought {
        var id: PurchaseID
        var account: AccountID
        var credits: Int64
        /// What refunds and disputes took of it, in the end.
        var removed: Int64 = 0
    }

    var accounts: [AccountID] = []
    /// Trial credits of each account.
    var granted: [AccountID: Int64] = [:]
    var accepted: [JobID: Accepted] = [:]
    var jobOfKey: [String: JobID] = [:]
    /// Told to be canceled.
    var canceled: Set<JobID> = []
    var purchases: [String: Bought] = [:]
    /// Charges without a hold that were answered, by the name of the work, with their usage's id.
    var deductions: [String: String] = [:]
}
