public enum AccountError: Error, Hashable, Sendable {
    case unknownAccount
    case unknownKey
    case invalidName(reason: String)
    case storageFull
    /// The server's fault: the cause is for the log.
    case `internal`(cause: String)
}
