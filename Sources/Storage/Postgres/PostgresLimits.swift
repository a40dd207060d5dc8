/// The numbers of a Postgres database.
public struct PostgresLimits: Sendable {
    /// Connections that this process holds at most, besides a listener's.
    public var connectionsMax = 16
    /// Connections of a loop that it keeps busy with reads that are sent whole, before it sends one behind another.
    public var sharedSessionsPerLoop = 4
    /// Such reads that one connection has under way.
    public var sharersMax = 16
    /// Transactions that may wait for a connection; more get `busy`.
    public var waitersMax = 10_000
    /// How long a transaction waits for a connection before `busy`, or `unreachable` if none can be made.
    public var waitSeconds: Double = 5
    /// How long one attempt to connect may take: name, TLS, password and set-up included.
    public var connectSeconds: Double = 5
    /// The pause after a failed attempt to connect; it doubles with each further one, give or take a quarter.
    public var backoffSeconds: Double = 0.1
    public var backoffSecondsMax: Double = 2
    /// How often a transaction is tried that the server undoes because of others (a deadlock).
    public var attemptsMax = 4
    /// Prepared statements kept by each connection.
    public var statementsMax = 256
    /// Rows that one query may return.
    public var rowsMax = 100_000
    /// Bytes that one answer may have; libpq has them in memory by then, so that large tables want a LIMIT too.
    public var answerBytesMax = 256 << 20
    /// The server's limit for one statement; 0 for none.
    public var statementSeconds: Double = 30
    /// The server's limit for waiting for one lock; 0 for none.
    public var lockSeconds: Double = 10
    /// The server's limit for a pause between the statements of a transaction; 0 for none.
    public var idleInTransactionSeconds: Double = 60
    /// A server that says nothing for so long beyond `statementSeconds` is taken for dead.
    public var answerMarginSeconds: Double = 10
    /// What a commit waits for: `on` is the local disk, and synchronous standbys if there are any.
    public var synchronousCommit = "on"
    /// What the server's own lists and logs call this program.
    public var applicationName = "cadenza"

    public init() {}

    /// For schema changes and checks by an operator, which may take as long as they take.
    public static var patient: PostgresLimits {
        var limits = PostgresLimits()
        limits.statementSeconds = 0
        limits.idleInTransactionSeconds = 0
        return limits
    }

    /// After so long without a word the server is taken for dead; `nil`: never.
    var silenceSeconds: Double? { statementSeconds > 0 ? statementSeconds + answerMarginSeconds : nil }

    /// The settings of a session, as `set_config` takes them.
    var sessionSettings: [(name: String, value: String)] {
        [
            ("statement_timeout", Self.milliseconds(statementSeconds)),
            ("lock_timeout", Self.milliseconds(lockSeconds)),
            ("idle_in_transaction_session_timeout", Self.milliseconds(idleInTransactionSeconds)),
            ("synchronous_commit", synchronousCommit),
        ]
    }

    private static func milliseconds(_ seconds: Double) -> String { String(Int((seconds * 1000).rounded(.up))) }

    /// Seconds until the attempt after so many failures: within a quarter around the doubling pause.
    func backoff(failures: Int) -> Double {
        var pause = backoffSeconds
        for _ in 1..<max(failures, 1) where pause < backoffSecondsMax { pause *= 2 }
        return min(pause, backoffSecondsMax) * Double.random(in: 0.75...1.25)
    }
}
