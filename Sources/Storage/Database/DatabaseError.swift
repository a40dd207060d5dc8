/// What a database can answer instead of a result. No case carries a bound argument or a stored value.
public enum DatabaseError: Error, Hashable, Sendable {
    /// A constraint refused the change. `name` is the constraint's name, or the columns it is about.
    case constraintViolation(ConstraintKind, name: String)
    /// Another process holds the database, too many callers wait, or the server gave the transaction up in favour of
    /// others; nothing was changed, and the same may succeed later.
    case busy
    /// A statement or a pause between statements took longer than it may; nothing was changed.
    case timeout
    /// No connection to the server can be made, for the reason that the client library gives.
    case unreachable(String)
    /// The connection broke, or the server ended it, before the commit was asked for; nothing was changed.
    case connectionLost
    /// The connection broke after the commit was asked for: it happened, or it did not. Never retried unasked.
    case outcomeUnknown
    /// The role that the program logged in with may not do this. Carries the server's words, which name the object.
    case permissionDenied(String)
    /// The transaction's credential does not speak for the account that it spoke for a moment ago.
    case credentialRefused
    /// No room is left on the disk (or in the file's quota); nothing was changed.
    case full
    case closed
    case corrupt
    /// A change was attempted inside `read`, or the file may not be written.
    case readOnly
    /// The schema was written by a newer version of this program.
    case schemaTooNew(found: Int, known: Int)
    /// A migration that was applied before had another text then.
    case migrationChanged(number: Int)
    /// The program used the database wrongly: a missing column, a wrong argument count, bad SQL.
    case misuse(String)
    /// A function of the schema refused: its SQLSTATE, of class `CZ`, a space, and the schema's own words.
    case raised(String)
    /// Everything else, with the engine's own code.
    case failed(code: Int, message: String)
}

public enum ConstraintKind: String, Sendable {
    case unique
    case check
    case foreignKey
    case notNull
    /// Raised by a trigger, such as the ones that keep history append-only.
    case trigger
    case other
}
