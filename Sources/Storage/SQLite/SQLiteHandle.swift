internal import CSQLite
internal import Database
internal import Glibc

/// One open `sqlite3` connection with its prepared statements. Used under `SQLiteSlot`'s lock, by one thread at a time.
final class SQLiteHandle {
    enum Role { case reader, writer }

    private struct Statement {
        // SAFETY: owned by the cache, finalised when evicted or in `close`.
        let pointer: OpaquePointer
        /// For each parameter the number in its name, `$3` → 3.
        let numbers: [Int]
        let argumentCount: Int
        let columns: DatabaseRow.Columns
        var lastUse: Int
    }

    // SAFETY: opened in `init`, closed once in `close`; every use in between is guarded by `open()`.
    private var connection: OpaquePointer?
    private var statements: [String: Statement] = [:]
    private var uses = 0
    private let limits: SQLiteLimits

    init(path: String, role: Role, limits: SQLiteLimits) throws(DatabaseError) {
        self.limits = limits
        let access = role == .writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
        let status = sqlite3_open_v2(path, &connection, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        do throws(DatabaseError) {
            guard status == SQLITE_OK else { throw error(status) }
            sqlite3_busy_timeout(connection, Int32(limits.busySeconds * 1000))
            try configure(role)
        } catch {
            close()
            throw error
        }
    }

    private func configure(_ role: Role) throws(DatabaseError) {
        if role == .writer {
            let mode = try query("PRAGMA journal_mode = WAL", [])
            guard try mode.first?.text("journal_mode") == "wal" else {
                throw .failed(code: Int(SQLITE_CANTOPEN), message: "this file system cannot hold a write-ahead log")
            }
            try script("PRAGMA synchronous = FULL")
            try script("PRAGMA wal_autocheckpoint = \(limits.checkpointPages)")
            try script("PRAGMA journal_size_limit = \(limits.walBytesMax)")
        }
        try script("PRAGMA foreign_keys = ON")
        // Without it INSERT OR REPLACE would delete a row past the triggers that keep history append-only.
        try script("PRAGMA recursive_triggers = ON")
        try script("PRAGMA trusted_schema = OFF")
        try script("PRAGMA temp_store = MEMORY")
    }

    /// Finalises the statements and closes; the last connection to close folds the log into the file.
    func close() {
        for statement in statements.values { sqlite3_finalize(statement.pointer) }
        statements = [:]
        sqlite3_close_v2(connection)
        connection = nil
    }

    /// Whether a transaction is open: SQLite itself ends one on some errors.
    var isInTransaction: Bool { connection.map { sqlite3_get_autocommit($0) == 0 } ?? false }

    func query(_ sql: String, _ arguments: [DatabaseValue]) throws(DatabaseError) -> [DatabaseRow] {
        let statement = try prepared(sql, arguments)
        defer { rest(statement) }
        var rows: [DatabaseRow] = []
        while try step(statement) {
            guard rows.count < limits.rowsMax else { throw .misuse("more than \(limits.rowsMax) rows") }
            rows.append(DatabaseRow(columns: statement.columns, values: values(statement)))
        }
        return rows
    }

    func execute(_ sql: String, _ arguments: [DatabaseValue]) throws(DatabaseError) -> Int {
        let statement = try prepared(sql, arguments)
        defer { rest(statement) }
        let before = sqlite3_total_changes64(connection)
        while try step(statement) {}
        return changes(since: before)
    }

    func answer(_ statement: DatabaseStatement) throws(DatabaseError) -> DatabaseAnswer {
        let before = sqlite3_total_changes64(try open())
        let rows = try query(statement.sql, statement.arguments)
        return DatabaseAnswer(rows: rows, changedCount: changes(since: before))
    }

    /// `changes` keeps the count of the last change when a statement makes none.
    private func changes(since before: Int64) -> Int {
        sqlite3_total_changes64(connection) == before ? 0 : Int(sqlite3_changes64(connection))
    }

    func script(_ sql: String) throws(DatabaseError) {
        let status = sqlite3_exec(try open(), sql, nil, nil, nil)
        guard status == SQLITE_OK else { throw error(status) }
    }

    // MARK: Statements

    private func open() throws(DatabaseError) -> OpaquePointer {
        guard let connection else { throw .closed }
        return connection
    }

    private func prepared(_ sql: String, _ arguments: [DatabaseValue]) throws(DatabaseError) -> Statement {
        uses += 1
        if statements[sql] == nil { try prepare(sql) }
        statements[sql]?.lastUse = uses
        guard let statement = statements[sql] else { throw .misuse("no statement") }
        guard statement.argumentCount == arguments.count else {
            throw .misuse("\(statement.argumentCount) placeholders, \(arguments.count) arguments")
        }
        for (index, number) in statement.numbers.enumerated() {
            let status = bind(arguments[number - 1], to: Int32(index + 1), of: statement)
            guard status == SQLITE_OK else {
                rest(statement)
                throw error(status)
            }
        }
        return statement
    }

    private func prepare(_ sql: String) throws(DatabaseError) {
        if statements.count >= limits.statementsMax,
            let oldest = statements.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            sqlite3_finalize(oldest.value.pointer)
            statements[oldest.key] = nil
        }
        let connection = try open()
        var pointer: OpaquePointer?
        var hasMore = false
        let status = sql.withCString { start in
            var tail: UnsafePointer<CChar>?
            let status = sqlite3_prepare_v3(connection, start, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, &tail)
            // SAFETY: the tail points into the same zero-terminated text.
            hasMore = tail.map { strspn($0, " \t\r\n;") < strlen($0) } ?? false
            return status
        }
        guard status == SQLITE_OK else { throw error(status) }
        guard let pointer, !hasMore else {
            sqlite3_finalize(pointer)
            throw .misuse("exactly one statement is expected")
        }
        guard let numbers = Self.parameterNumbers(pointer) else {
            sqlite3_finalize(pointer)
            throw .misuse("placeholders are $1 to $n, each used")
        }
        let names = (0..<sqlite3_column_count(pointer)).map { String(cString: sqlite3_column_name(pointer, $0)) }
        statements[sql] = Statement(
            pointer: pointer, numbers: numbers, argumentCount: numbers.max() ?? 0, columns: DatabaseRow.Columns(names),
            lastUse: uses)
    }

    private static func parameterNumbers(_ pointer: OpaquePointer) -> [Int]? {
        var numbers: [Int] = []
        for index in 0..<sqlite3_bind_parameter_count(pointer) {
            guard let name = sqlite3_bind_parameter_name(pointer, index + 1).map({ String(cString: $0) }),
                name.first == "$", let number = Int(name.dropFirst()), number > 0
            else { return nil }
            numbers.append(number)
        }
        return Set(numbers).count == numbers.max() ?? 0 ? numbers : nil
    }

    private func bind(_ value: DatabaseValue, to index: Int32, of statement: Statement) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(statement.pointer, index)
        case .integer(let value): return sqlite3_bind_int64(statement.pointer, index, value)
        case .real(let value): return sqlite3_bind_double(statement.pointer, index, value)
        case .text(var value):
            return value.withUTF8 { bytes in
                // SAFETY: SQLite copies the bytes (TRANSIENT). An empty text needs a pointer that is not nil.
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    sqlite3_bind_text(
                        statement.pointer, index, characters.baseAddress ?? UnsafePointer(Self.nothing),
                        Int32(characters.count), cadenza_sqlite_transient())
                }
            }
        case .blob(let bytes):
            if bytes.isEmpty { return sqlite3_bind_zeroblob(statement.pointer, index, 0) }
            // SAFETY: SQLite copies the bytes (TRANSIENT).
            return bytes.withUnsafeBytes { bytes in
                sqlite3_bind_blob(
                    statement.pointer, index, bytes.baseAddress, Int32(bytes.count), cadenza_sqlite_transient())
            }
        }
    }

    // SAFETY: one byte, written once, never freed, only read.
    nonisolated(unsafe) private static let nothing: UnsafeMutablePointer<CChar> = {
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        byte.initialize(to: 0)
        return byte
    }()

    /// Whether there is a row.
    private func step(_ statement: Statement) throws(DatabaseError) -> Bool {
        switch sqlite3_step(statement.pointer) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let status: throw error(status)
        }
    }

    private func rest(_ statement: Statement) {
        sqlite3_reset(statement.pointer)
        sqlite3_clear_bindings(statement.pointer)
    }

    private func values(_ statement: Statement) -> [DatabaseValue] {
        let pointer = statement.pointer
        return (0..<sqlite3_column_count(pointer)).map { column in
            let count = Int(sqlite3_column_bytes(pointer, column))
            switch sqlite3_column_type(pointer, column) {
            case SQLITE_INTEGER: return .integer(sqlite3_column_int64(pointer, column))
            case SQLITE_FLOAT: return .real(sqlite3_column_double(pointer, column))
            // SAFETY: the bytes are SQLite's until the next step and are copied here.
            case SQLITE_TEXT:
                let bytes = UnsafeBufferPointer(start: sqlite3_column_text(pointer, column), count: count)
                return .text(String(decoding: bytes, as: UTF8.self))
            case SQLITE_BLOB:
                let bytes = UnsafeRawBufferPointer(start: sqlite3_column_blob(pointer, column), count: count)
                return .blob(Array(bytes))
            default: return .null
            }
        }
    }

    // MARK: Errors

    private func error(_ status: Int32) -> DatabaseError {
        DatabaseError(
            status: status, systemError: connection.map { sqlite3_system_errno($0) } ?? 0,
            message: connection.map { String(cString: sqlite3_errmsg($0)) } ?? "")
    }
}
