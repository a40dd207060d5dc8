public import Database

public enum LedgerError: Error, Hashable, Sendable {
    case insufficientCredits(available: Int64, required: Int64)
    case unknownAccount
    case unknownHold
    case unknownPurchase
    /// The hold had ended in the other way before; nothing was moved.
    case alreadyEnded(HoldEnding)
    /// The reference was used before for another movement; nothing was moved.
    case referenceConflict
    /// A capture of more than was held.
    case amountExceedsHold
    /// More came back of a payment than was paid.
    case amountExceedsPayment
    /// The caller's credential, good a moment ago, is good no more; nothing was told.
    case callerRefused
    case database(DatabaseError)
}
