public import Core

/// One row of an answer. A column that is absent or of another type is the programmer's error and is thrown as
/// `DatabaseError.misuse` with the column's name, never its content.
public struct DatabaseRow: Sendable {
    /// The names of an answer's columns, shared by all its rows.
    public struct Columns: Sendable {
        let positions: [String: Int]

        public init(_ names: [String]) {
            positions = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        }
    }

    private let columns: Columns
    private let values: [DatabaseValue]

    public init(columns: Columns, values: [DatabaseValue]) {
        self.columns = columns
        self.values = values
    }

    /// The column's value as it came.
    public func value(_ column: String) throws(DatabaseError) -> DatabaseValue {
        guard let position = columns.positions[column] else { throw .misuse("no column \(column)") }
        return values[position]
    }

    public func integer(_ column: String) throws(DatabaseError) -> Int64 {
        guard let value = try optionalInteger(column) else { throw .misuse("\(column) is null") }
        return value
    }

    public func optionalInteger(_ column: String) throws(DatabaseError) -> Int64? {
        switch try value(column) {
        case .null: return nil
        case .integer(let value): return value
        default: throw .misuse("\(column) is no integer")
        }
    }

    public func text(_ column: String) throws(DatabaseError) -> String {
        guard let value = try optionalText(column) else { throw .misuse("\(column) is null") }
        return value
    }

    public func optionalText(_ column: String) throws(DatabaseError) -> String? {
        switch try value(column) {
        case .null: return nil
        case .text(let value): return value
        default: throw .misuse("\(column) is no text")
        }
    }

    public func real(_ column: String) throws(DatabaseError) -> Double {
        guard let value = try optionalReal(column) else { throw .misuse("\(column) is null") }
        return value
    }

    public func optionalReal(_ column: String) throws(DatabaseError) -> Double? {
        switch try value(column) {
        case .null: return nil
        case .real(let value): return value
        case .integer(let value): return Double(value)
        default: throw .misuse("\(column) is no number")
        }
    }

    public func blob(_ column: String) throws(DatabaseError) -> [UInt8] {
        guard case .blob(let bytes) = try value(column) else { throw .misuse("\(column) is no blob") }
        return bytes
    }

    /// A flag: the integers 0 and 1.
    public func bool(_ column: String) throws(DatabaseError) -> Bool {
        switch try integer(column) {
        case 0: return false
        case 1: return true
        default: throw .misuse("\(column) is no flag")
        }
    }

    /// A time, stored as integer milliseconds.
    public func timestamp(_ column: String) throws(DatabaseError) -> Timestamp {
        Timestamp(milliseconds: try integer(column))
    }

    public func optionalTimestamp(_ column: String) throws(DatabaseError) -> Timestamp? {
        try optionalInteger(column).map { Timestamp(milliseconds: $0) }
    }
}
