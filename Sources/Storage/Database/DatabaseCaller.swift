/// On whose authority the current task's transactions run. An engine with roles enforces it; SQLite has none.
public enum DatabaseCaller: Hashable, Sendable {
    /// The server itself: workers, webhooks of payment providers, commands of the operator.
    case service
    /// Whoever presents the credential with this SHA-256, in hexadecimal as it is stored; `nil`: nobody yet.
    case credential(sha256: String?)
    /// The schema's owner: migrations and repairs.
    case owner

    @TaskLocal public static var current = DatabaseCaller.service
}
