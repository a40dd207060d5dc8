internal import Core

/// Many texts as the one argument of a statement, so that its text, and its plan, is the same however many there are.
extension DatabaseValue {
    /// A JSON array, for `SQLDialect.isOne`.
    public static func list(_ texts: [String]) -> DatabaseValue { .text(JSON.array(texts.map { .string($0) }).text) }
}

extension SQLDialect {
    /// The condition that a column is one of the texts of a `DatabaseValue.list`.
    /// - Parameter list: its placeholder.
    public func isOne(_ column: String, of list: String) -> String {
        switch self {
        case .sqlite: "\(column) IN (SELECT value FROM json_each(\(list)))"
        // Not IN: a join with the list may become one with the whole table.
        case .postgres: "\(column) = ANY (ARRAY(SELECT json_array_elements_text(CAST(\(list) AS json))))"
        }
    }
}
