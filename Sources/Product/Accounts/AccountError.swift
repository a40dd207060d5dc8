public import Database

public enum AccountError: Error, Sendable {
    case unknownAccount
    case unknownKey
    case invalidName(reason: String)
    case database(DatabaseError)
    case `internal`(cause: String)
}
