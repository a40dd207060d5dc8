/// The numbers of a SQLite database.
public struct SQLiteLimits: Sendable {
    /// How long a transaction waits for another process (the command line beside a server) before `busy`.
    public var busySeconds: Double = 5
    /// Transactions that may wait for a connection, for reads and writes each; more get `busy`.
    public var waitersMax = 10_000
    /// Prepared statements kept by each connection.
    public var statementsMax = 256
    /// Rows that one query may return.
    public var rowsMax = 100_000
    /// Pages of the write-ahead log after which a commit copies them into the file.
    public var checkpointPages = 1000
    /// What the write-ahead log is cut back to after a checkpoint.
    public var walBytesMax = 64 << 20

    public init() {}
}
