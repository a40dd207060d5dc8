/// On whose authority the current task's transactions run. An engine with roles enforces it; SQLite has none.
public enum DatabaseCaller: Hashable, Sendable {
    /// The server itself: workers, webhooks of payment providers, commands of the operator.
    case service
    /// Whoever presents the credential with this SHA-256, in hexadecimal as it is stored; `nil`: nobody yet. With an
    /// account, whose it was a moment ago, an engine that `vouchesForCallers` fails the transaction by
    /// `DatabaseError.credentialRefused` unless it is so still.
    case credential(sha256: String?, account: String? = nil)
    /// The schema's owner: migrations and repairs.
    case owner

    @TaskLocal public static var current = DatabaseCaller.service
}
