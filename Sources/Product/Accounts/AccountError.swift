public enum AccountError: Error, Hashable, Sendable {
    case unknownAccount
    case unknownKey
    case invalidName(reason: String)
    case storageFull
    /// The server has more to do than it can; the same request may succeed later.
    case overloaded
    /// The server's fault: the cause is for the log.
    case `internal`(cause: String)
}
