/// What a column holds or a placeholder is bound to. Flags are integers 0 and 1; times are integer milliseconds.
public enum DatabaseValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

extension DatabaseValue {
    /// `null` for `nil`.
    public static func optional(_ text: String?) -> DatabaseValue { text.map { .text($0) } ?? .null }

    /// `null` for `nil`.
    public static func optional(_ integer: Int64?) -> DatabaseValue { integer.map { .integer($0) } ?? .null }
}
