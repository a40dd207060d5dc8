/// One statement with its arguments, as `DatabaseConnection.query` and `execute` take them.
public struct DatabaseStatement: Sendable {
    public let sql: String
    public let arguments: [DatabaseValue]

    public init(_ sql: String, _ arguments: [DatabaseValue] = []) {
        self.sql = sql
        self.arguments = arguments
    }
}

/// What one statement of a batch came to.
public struct DatabaseAnswer: Sendable {
    /// All rows that it returned.
    public var rows: [DatabaseRow]
    /// The rows that it inserted, changed or deleted.
    public var changedCount: Int

    public init(rows: [DatabaseRow] = [], changedCount: Int = 0) {
        self.rows = rows
        self.changedCount = changedCount
    }
}
