public import Core
public import Database

/// A SQLite file: one writer, several readers, each on its own thread; WAL with `synchronous=FULL`.
public final class SQLiteDatabase: Database {
    public var dialect: SQLDialect { .sqlite }

    /// Opens the file, creating it if it does not exist. Blocks: call it at start.
    public init(path: String, readers: Int = 4, time: any TimeSource) throws(DatabaseError) {
        fatalError("next commit")
    }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        fatalError("next commit")
    }

    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws -> Value {
        fatalError("next commit")
    }

    /// Waits for the transactions under way, refuses new ones, and closes the file.
    public func close() async { fatalError("next commit") }
}
